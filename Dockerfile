# All commands of @vcs in one image, which needs no network when it runs:
#
#   docker build -t vcs .
#   docker run --rm -v "$PWD:/data" vcs encodec-stream -d --format wav -o song.wav song.ecdc
#   docker run --rm -v "$PWD:/data" -p 127.0.0.1:8414:8414 vcs video-vq page --host 0.0.0.0

FROM node:24-trixie-slim AS deno
RUN npm install --global deno@2.9.6
RUN cp "$(deno eval 'console.log(Deno.execPath())')" /usr/local/bin/deno-program

FROM debian:trixie-slim
RUN apt-get update \
  && apt-get install --yes --no-install-recommends ca-certificates ffmpeg \
  && rm -rf /var/lib/apt/lists/*
COPY --from=deno /usr/local/bin/deno-program /usr/local/bin/deno
COPY deno.json deno.lock LICENSE /vcs/
COPY packages /vcs/packages
COPY apps/demo /vcs/apps/demo
RUN for name in transport onnx patch-stream encodec-stream video-vq clip-drift together; do \
    printf '#!/bin/sh\nexec deno run -A --quiet --frozen --cached-only /vcs/packages/%s/mod.ts "$@"\n' "$name" >"/usr/local/bin/$name" \
    && chmod 755 "/usr/local/bin/$name"; \
  done
RUN useradd --create-home --uid 1000 vcs && mkdir /data && chown vcs:vcs /data
USER vcs
RUN for name in transport onnx patch-stream encodec-stream video-vq clip-drift together; do \
    deno cache --frozen "/vcs/packages/$name/mod.ts" || exit 1; \
  done
RUN for name in patch-stream encodec-stream video-vq clip-drift together; do \
    "$name" setup || exit 1; \
  done
WORKDIR /data
CMD ["encodec-stream", "--help"]
