"""A real RTSP server (GStreamer's): every argument after the port is PATH=FILE or PATH=FILE:tcp|udp.

Prints a line once it listens. Files are Matroska with H.264 or H.265 and are played from their
beginning, in real time, to each client. With the environment variable LOGIN=user:password it asks
for them.
"""

import os
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

Gst.init(None)
TRANSPORTS = {"tcp": GstRtsp.RTSPLowerTrans.TCP, "udp": GstRtsp.RTSPLowerTrans.UDP}
server = GstRtspServer.RTSPServer(address="127.0.0.1", service=sys.argv[1])
role = GstRtspServer.RTSPToken()
role.set_string("media.factory.role", "user")
login = os.environ.get("LOGIN")
if login:
    auth = GstRtspServer.RTSPAuth()
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(*login.split(":")), role)
    server.set_auth(auth)
for mount in sys.argv[2:]:
    path, name = mount.split("=", 1)
    name, _, transport = name.partition(":")
    codec = "h265" if "h265" in name else "h264"
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(
        f"( filesrc location={name} ! matroskademux ! rtp{codec}pay name=pay0 pt=96 config-interval=-1 )"
    )
    if transport:
        factory.set_protocols(TRANSPORTS[transport])
    if login:
        permissions = GstRtspServer.RTSPPermissions()
        permissions.add_permission_for_role("user", "media.factory.access", True)
        permissions.add_permission_for_role("user", "media.factory.construct", True)
        factory.set_permissions(permissions)
    server.get_mount_points().add_factory(path, factory)
if server.attach(None) == 0:
    sys.exit("the port is taken")
print("listening", flush=True)
GLib.MainLoop().run()
