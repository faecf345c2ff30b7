# A static binary on a base without shell or package manager, not as root. The build is reproducible: the same commit and
# VERSION give the same binary.
FROM golang:1.26.8-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
ENV CGO_ENABLED=0
RUN go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/tokrelay ./cmd/tokrelay \
 && go build -trimpath -ldflags "-s -w" -o /out/health ./deploy/health

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/tokrelay /out/health /usr/local/bin/
USER 65532:65532
# File audiences are built below it: a volume, or a tmpfs, where the root file system is read-only.
ENV XDG_CACHE_HOME=/tmp
EXPOSE 8080
# The process turns. Whether it can work is /readyz: a restart would not repair that.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s CMD ["/usr/local/bin/health", "http://127.0.0.1:8080/livez"]
ENTRYPOINT ["/usr/local/bin/tokrelay"]
CMD ["run", "-c", "/etc/tokrelay/tokrelay.yaml"]
