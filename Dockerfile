# The same image as release/image makes without docker: the static program, its licences, no shell and no certificates
# (in a cluster the CA of the API server comes with the service account's token).
#
#   docker build -t icp-filing-operator:0.1.0 .
FROM rust:1.95-bookworm AS build
RUN apt-get update && apt-get install --yes --no-install-recommends jq
WORKDIR /build
# rust-toolchain.toml stays out, so that the compiler is the image's own and none is downloaded.
COPY Cargo.toml Cargo.lock LICENSE ./
COPY release release
COPY src src
# A development dependency and benchmarks: cargo reads of them, even when it builds nothing of it.
COPY testbed testbed
COPY benches benches
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    release/binary /image/icp-filing-operator \
    && release/licences > /image/THIRD-PARTY-LICENSES.txt

FROM scratch
LABEL org.opencontainers.image.title="icp-filing-operator" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /image /
COPY LICENSE /LICENSE
# By number, since there is no /etc/passwd to look a name up in.
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/icp-filing-operator"]
CMD ["run"]
