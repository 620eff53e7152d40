"""Small networks in the manner of segmentation and detection: the layers that their decoders are made of."""

import torch
import torch.nn.functional as F
from torch import nn


class Unit(nn.Sequential):
    def __init__(self, inputs, outputs, kernel=3, stride=1, groups=1, dilation=1, activation=nn.ReLU):
        padding = dilation * (kernel // 2)
        super().__init__(nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, groups, bias=False),
                         nn.BatchNorm2d(outputs), activation())


class UNet(nn.Module):
    """Ronneberger et al. (2015), with transposed convolutions; sizes that do not divide are resized to the shortcut's."""

    def __init__(self, widths=(8, 12, 16, 24), classes=3, inputs=3):
        super().__init__()
        self.down = nn.ModuleList()
        self.up, self.merge = nn.ModuleList(), nn.ModuleList()
        for width in widths:
            self.down.append(nn.Sequential(Unit(inputs, width), Unit(width, width)))
            inputs = width
        for upper, lower in zip(widths[-2::-1], widths[:0:-1]):
            self.up.append(nn.ConvTranspose2d(lower, upper, 2, 2))
            self.merge.append(nn.Sequential(Unit(2 * upper, upper), Unit(upper, upper)))
        self.head = nn.Conv2d(widths[0], classes, 1)

    def forward(self, x):
        maps = []
        for index, block in enumerate(self.down):
            x = block(F.max_pool2d(x, 2) if index else x)
            maps.append(x)
        for up, merge, shortcut in zip(self.up, self.merge, maps[-2::-1]):
            x = up(x)
            if x.shape[2:] != shortcut.shape[2:]:
                x = F.interpolate(x, size=shortcut.shape[2:], mode="bilinear", align_corners=True)
            x = merge(torch.cat([shortcut, x], 1))
        return self.head(x)


class Focus(nn.Module):
    """YOLOv5's first layer: four pixels become one."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv = Unit(4 * inputs, outputs, activation=nn.SiLU)

    def forward(self, x):
        return self.conv(torch.cat([x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]], 1))


class Split(nn.Module):
    """YOLOv8's C2f: part of the channels pass through, part through a chain whose maps are all joined."""

    def __init__(self, inputs, outputs, count=1):
        super().__init__()
        self.half = outputs // 2
        self.cv1 = Unit(inputs, outputs, 1, activation=nn.SiLU)
        self.cv2 = Unit((2 + count) * self.half, outputs, 1, activation=nn.SiLU)
        self.m = nn.ModuleList(
            nn.Sequential(Unit(self.half, self.half, activation=nn.SiLU), Unit(self.half, self.half, activation=nn.SiLU))
            for _ in range(count))

    def forward(self, x):
        parts = list(self.cv1(x).split((self.half, self.half), 1))
        for block in self.m:
            parts.append(parts[-1] + block(parts[-1]))
        return self.cv2(torch.cat(parts, 1))


class Pyramid(nn.Module):
    """SPPF: a chain of poolings whose maps are all joined."""

    def __init__(self, channels):
        super().__init__()
        self.cv1 = Unit(channels, channels // 2, 1, activation=nn.SiLU)
        self.cv2 = Unit(2 * channels, channels, 1, activation=nn.SiLU)

    def forward(self, x):
        maps = [self.cv1(x)]
        for _ in range(3):
            maps.append(F.max_pool2d(maps[-1], 5, 1, 2))
        return self.cv2(torch.cat(maps, 1))


class Yolo(nn.Module):
    """Backbone, two-way feature pyramid, three heads of several sizes, and boxes computed from them."""

    def __init__(self, width=8, classes=4):
        super().__init__()
        w = width
        self.stem = Focus(3, w)
        self.c2 = nn.Sequential(Unit(w, 2 * w, 3, 2, activation=nn.SiLU), Split(2 * w, 2 * w))
        self.c3 = nn.Sequential(Unit(2 * w, 4 * w, 3, 2, activation=nn.SiLU), Split(4 * w, 4 * w, 2))
        self.c4 = nn.Sequential(Unit(4 * w, 4 * w, 3, 2, activation=nn.SiLU), Split(4 * w, 4 * w), Pyramid(4 * w))
        self.up3, self.up2 = Split(8 * w, 4 * w), Split(6 * w, 2 * w)
        self.reduce2, self.down3 = Unit(2 * w, 2 * w, 3, 2, activation=nn.SiLU), Split(6 * w, 4 * w)
        self.reduce3, self.down4 = Unit(4 * w, 4 * w, 3, 2, activation=nn.SiLU), Split(8 * w, 4 * w)
        self.heads = nn.ModuleList(
            nn.Sequential(Unit(c, 2 * w, activation=nn.SiLU), nn.Conv2d(2 * w, 16 + classes, 1))
            for c in (2 * w, 4 * w, 4 * w))
        self.classes = classes

    def forward(self, x):
        p2 = self.c2(self.stem(x))
        p3 = self.c3(p2)
        p4 = self.c4(p3)
        n3 = self.up3(torch.cat([F.interpolate(p4, scale_factor=2.0), p3], 1))
        n2 = self.up2(torch.cat([F.interpolate(n3, scale_factor=2.0), p2], 1))
        m3 = self.down3(torch.cat([self.reduce2(n2), n3], 1))
        m4 = self.down4(torch.cat([self.reduce3(m3), p4], 1))
        rows = torch.cat([head(m).flatten(2) for head, m in zip(self.heads, (n2, m3, m4))], 2)
        boxes, scores = rows.split((16, self.classes), 1)
        # Distances as means of distributions, and the best class: heads after the last BatchNorm.
        bins = boxes.view(boxes.shape[0], 4, 4, -1).softmax(2)
        distances = (bins * torch.arange(4.0, dtype=rows.dtype).view(1, 1, 4, 1)).sum(2)
        best, index = scores.sigmoid().max(1)
        return distances, best, index


class Fusion(nn.Module):
    """EfficientDet's BiFPN: maps summed by weights that are learned, positive and normalized; depth to space; BatchNorms of
    vectors and sequences beside the pyramid."""

    def __init__(self, width=8):
        super().__init__()
        w = width
        self.a, self.b, self.c = Unit(3, w, 3, 2), Unit(w, w, 3, 2), Unit(w, w, 3, 2)
        self.weights = nn.Parameter(torch.tensor([0.7, 1.3]))
        self.fuse = Unit(w, w, activation=nn.SiLU)
        self.shuffle = Unit(2 * w, 4 * w, dilation=2)
        self.last = Unit(w, w, 5, groups=w)
        self.vector, self.sequence = nn.BatchNorm1d(w), nn.BatchNorm1d(w)
        self.linear = nn.Linear(w, w)

    def forward(self, x):
        a = self.a(x)
        b = self.b(a)
        c = self.c(b)
        weights = F.relu(self.weights)
        weights = weights / (weights.sum() + 1e-4)
        upper = F.interpolate(c, scale_factor=2.0, mode="bilinear", align_corners=False)
        fused = self.fuse(weights[0] * b + weights[1] * upper)
        fine = F.pixel_shuffle(self.shuffle(torch.cat([fused, b], 1)), 2)
        fine = self.last(F.interpolate(fine, scale_factor=1.5, mode="nearest"))
        sequence = self.sequence(fine.flatten(2))
        vector = self.vector(self.linear(c.mean((2, 3))))
        return sequence, vector


class Outputs(nn.Module):
    """A network whose outputs are a list of tensors, which exporters take, under a name that its checkpoint lacks."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return tensors(self.net(x))


def tensors(value):
    """All tensors of nested lists and dictionaries."""
    if isinstance(value, torch.Tensor):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else []
    return [tensor for part in parts for tensor in tensors(part)]
