# syntax=docker/dockerfile:1
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY cmd cmd
COPY ingest ingest
COPY worker worker
COPY report report
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /mantatag ./cmd/mantatag \
 && mkdir -p /jobs/.state

# Certificates and time zones come with this image, and a user that is not root.
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /mantatag /usr/local/bin/mantatag
COPY --from=build --chown=nonroot:nonroot /jobs /jobs
VOLUME /jobs
WORKDIR /jobs
ENV XDG_STATE_HOME=/jobs/.state
ENTRYPOINT ["mantatag"]
