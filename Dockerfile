# The whole API on a laptop that has Docker and nothing else:
#
#   docker build -t latchkey . && docker run -p 3000:3000 latchkey
#
# Data and secrets are in the volume /data.
FROM rust:1.95-slim-bookworm AS build
# Quickly built, and a panic ends one request rather than the container. Lambda's binaries are another matter.
ENV CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_PANIC=unwind
WORKDIR /latchkey
COPY . .
RUN cargo build --release --locked --bin latchkey

FROM debian:bookworm-slim
# What carriers are known by, should texts really be sent.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /latchkey/target/release/latchkey /usr/local/bin/
RUN useradd --system --uid 10001 --no-create-home latchkey && mkdir /data && chown latchkey /data
USER latchkey
# Others than this machine reach it where its port is published, which is the container's to say.
ENV HOST=0.0.0.0 DATA_DIR=/data
VOLUME /data
EXPOSE 3000
ENTRYPOINT ["latchkey"]
