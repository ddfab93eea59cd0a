# kofod and kofo in an image with nothing else: no shell, no package manager,
# no root. Chain data, keys and the database live in the volume /var/lib/kofo.
FROM golang:1.26.8-bookworm AS build
WORKDIR /src

# Dependencies first, so that a change of the code does not fetch them again.
# The light module api is part of this repository and has its own go.mod.
COPY go.mod go.sum ./
COPY api/go.mod api/go.sum ./api/
RUN --mount=type=cache,target=/go/pkg/mod go mod download

COPY . .
RUN --mount=type=cache,target=/go/pkg/mod \
    --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 go build -trimpath -buildvcs=false \
      -ldflags "-s -w" -o /out/ ./cmd/kofod ./cmd/kofo
RUN mkdir -p /out/var/lib/kofo && chmod 0700 /out/var/lib/kofo

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build --chown=65532:65532 /out/var/lib/kofo /var/lib/kofo
COPY --from=build /out/kofod /out/kofo /usr/local/bin/
USER 65532:65532
VOLUME /var/lib/kofo
EXPOSE 9520
ENTRYPOINT ["/usr/local/bin/kofod"]
