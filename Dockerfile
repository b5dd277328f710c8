# An image that holds the program, certificates of public authorities, and nothing
# else: no shell, no package manager, no other program.
#
#     make image                                          # custodian:<version>
#     docker run --rm custodian:<version> version
#
# Without a configuration it runs the one custodian that the environment describes.
# Beyond loopback, which in a container is where callers come from, keys are needed
# (configs/secure.md), and so:
#
#     docker run --rm -p 127.0.0.1:8080:8080 -v custodian:/var/lib/custodian \
#         -e CUSTODIAN_PORTS_HOST=0.0.0.0 -e CUSTODIAN_DEFAULTS_API_KEYS=desk:<sha256 of the key> custodian:<version>
#
# configs/docker/compose.yaml has the program with PostgreSQL, Redis, Prometheus and
# Grafana. To be exact about the base, replace its tag by the digest that your
# registry has for it.

# Compiles on the machine's own architecture, for the one that is asked for.
FROM --platform=$BUILDPLATFORM golang:1.26.8-bookworm AS build
WORKDIR /src
ENV CGO_ENABLED=0 GOTOOLCHAIN=local

# Modules change less often than code.
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download

COPY . .
ARG TARGETOS
ARG TARGETARCH
ARG VERSION=unknown
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /out/custodian ./cmd/custodian
RUN mkdir -p /out/data /out/tmp

FROM scratch
ARG VERSION=unknown
LABEL org.opencontainers.image.title="custodian" \
      org.opencontainers.image.description="Many simulated custodians in one process" \
      org.opencontainers.image.version="$VERSION"

# For webhooks, and for TLS to PostgreSQL and Redis. Time zones are in the program.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build --chmod=1777 /out/tmp /tmp
COPY --from=build --chown=65532:65532 --chmod=700 /out/data /var/lib/custodian
COPY --from=build --chmod=755 /out/custodian /usr/local/bin/custodian

ENV PATH=/usr/local/bin CUSTODIAN_DATA_DIR=/var/lib/custodian
USER 65532:65532
WORKDIR /var/lib/custodian
VOLUME /var/lib/custodian
STOPSIGNAL SIGTERM

# Whether the process answers. Whether it is ready is for those who send it work:
# `custodian health --ready`. CUSTODIAN_ADMIN_URL says where, if not on 127.0.0.1:7080.
HEALTHCHECK --interval=10s --timeout=6s --start-period=60s --retries=3 CMD ["/usr/local/bin/custodian", "health"]

ENTRYPOINT ["/usr/local/bin/custodian"]
CMD ["serve"]
