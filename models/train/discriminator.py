"""What tells decoded sound from recorded sound while the codec is trained: networks over complex
spectra at several window sizes (Defossez et al., arXiv 2210.13438, section 3.4)."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils.parametrizations import weight_norm


class Spectra(nn.Module):
    """One window size: [B, 1, T] to [B, 1, frames, bins], and the features of each layer."""

    def __init__(self, size, filters):
        super().__init__()
        self.size = size
        self.register_buffer("window", torch.hann_window(size))

        def conv(cin, cout, kernel, stride=(1, 1), dilation=(1, 1)):
            pads = [(k - 1) * d // 2 for k, d in zip(kernel, dilation)]
            return weight_norm(nn.Conv2d(cin, cout, kernel, stride, pads, dilation))

        self.layers = nn.ModuleList([
            conv(2, filters, (3, 9), (1, 2)),
            *(conv(filters, filters, (3, 9), (1, 2), (d, 1)) for d in (1, 2, 4)),
            conv(filters, filters, (3, 3)),
        ])
        self.last = conv(filters, 1, (3, 3))

    def forward(self, x):
        s = torch.stft(x.squeeze(1), self.size, self.size // 4, window=self.window, return_complex=True, normalized=True)
        y = torch.view_as_real(s).permute(0, 3, 2, 1).contiguous(memory_format=torch.channels_last)
        features = []
        with torch.autocast(x.device.type, torch.bfloat16):
            for layer in self.layers:
                y = F.leaky_relu(layer(y), 0.2)
                features.append(y)
            return self.last(y).float(), features


class Discriminator(nn.Module):
    """Several window sizes beside each other."""

    def __init__(self, sizes=(2048, 1024, 512), filters=16):
        super().__init__()
        self.parts = nn.ModuleList(Spectra(size, filters) for size in sizes)

    def forward(self, x):
        return [part(x) for part in self.parts]

    def compare(self, y, x):
        """What tells decoded sound y from x: the hinge loss of telling them apart, how well y passes
        for x, and how far its features are from those of x; less is better for all. The gradient of
        the first belongs to this, of the others to y."""
        real, made = self(x), self(y)
        told = sum(F.relu(1 - l).mean() for l, _ in real) + sum(F.relu(1 + l).mean() for l, _ in made)
        passes = sum(F.relu(1 - l).mean() for l, _ in made) / len(made)
        far = [
            (a - b.detach()).abs().float().mean() / b.detach().abs().float().mean().clamp(min=1e-3)
            for (_, features), (_, wanted) in zip(made, real) for a, b in zip(features, wanted)
        ]
        return told / len(made), passes, sum(far) / len(far)
