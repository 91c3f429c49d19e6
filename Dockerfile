# The operator alone in an image: one static binary, no shell, no certificates (in a cluster the CA of the
# API server comes with the service account's token).
#
#   docker build -t icp-filing-operator:0.1.0 .
FROM rust:1.95-alpine AS build
# A C compiler and the C library's headers, for the cryptography that TLS uses.
RUN apk add --no-cache build-base
WORKDIR /build
# rust-toolchain.toml stays out, so that the compiler is the image's own and none is downloaded.
COPY Cargo.toml Cargo.lock ./
COPY src src
# A development dependency by path: cargo reads its manifest even when it builds nothing of it.
COPY testbed testbed
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --release --locked --bin icp-filing-operator \
    && cp target/release/icp-filing-operator /icp-filing-operator

FROM scratch
COPY --from=build /icp-filing-operator /icp-filing-operator
# By number, since there is no /etc/passwd to look a name up in.
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/icp-filing-operator"]
CMD ["run"]
