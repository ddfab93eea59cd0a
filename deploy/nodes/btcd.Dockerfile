# btcd and btcctl of the version that tools/go.mod pins, built from the Go
# module. There is no official image of it.
FROM golang:1.26.8-bookworm AS build
WORKDIR /src/tools
COPY tools/go.mod tools/go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod \
    --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 go build -trimpath -o /out/ github.com/btcsuite/btcd github.com/btcsuite/btcd/cmd/btcctl
RUN mkdir -p /out/data /out/tls

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/btcd /out/btcctl /usr/local/bin/
COPY --from=build --chown=65532:65532 /out/data /data
COPY --from=build --chown=65532:65532 /out/tls /tls
USER 65532:65532
VOLUME ["/data", "/tls"]
ENTRYPOINT ["/usr/local/bin/btcd"]
