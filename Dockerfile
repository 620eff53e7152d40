# The tools in a small Debian system, from the package that `make deb` builds.
#
#   docker build -t ckpt-tools .
#   docker run --rm -v "$PWD:/data" --user "$(id -u):$(id -g)" ckpt-tools average run/epoch-*.safetensors -o mean.safetensors

FROM swift:6.2-bookworm AS build
# hadolint ignore=DL3008
RUN apt-get update \
  && apt-get install -y --no-install-recommends \
    dpkg-dev make patchelf pkg-config libopenblas-dev libssl-dev zlib1g-dev libdeflate-dev libjpeg-dev libpng-dev libwebp-dev \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY Makefile Package.swift CHANGELOG.md LICENSE README.md SECURITY.md ./
COPY Sources Sources
COPY Tests Tests
COPY man man
COPY packaging packaging
RUN make deb

FROM debian:bookworm-slim
# The package names its dependencies; librsvg draws the plots that are asked for as PNG.
# hadolint ignore=DL3008
RUN --mount=type=bind,from=build,source=/source/.build,target=/packages \
  apt-get update \
  && apt-get install -y --no-install-recommends /packages/ckpt-tools_*.deb librsvg2-2 \
  && rm -rf /var/lib/apt/lists/* \
  && useradd --uid 1000 --create-home ckpt
USER 1000
WORKDIR /data
ENTRYPOINT ["ckpt"]
CMD ["help"]
