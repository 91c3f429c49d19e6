//! TLS on both sides of a proxy, with the serving pair and the CA of the control plane, and who proves what to whom.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1::{self as client, SendRequest};
use hyper::header::HeaderValue;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::Failed;
use crate::fixture::{Cluster, Who, must};

/// The API server.
pub struct Server {
    address: SocketAddr,
    connector: TlsConnector,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Server({})", self.address)
    }
}

impl Server {
    /// That of a cluster.
    pub fn of(cluster: &Cluster) -> Self {
        let url = must("find the API server", cluster.control_plane().server_url());
        let address = must("read the API server's address", url.trim_start_matches("https://").parse());
        let connector = must("read the CA", connector(&pki(cluster)));
        Self { address, connector }
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// A new connection to it.
    pub async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, Failed> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::IpAddress(self.address.ip().into());
        let stream = self.connector.connect(name, stream).await?;
        let (sender, connection) = client::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }
}

/// Serves the operator as the API server does.
pub fn acceptor(cluster: &Cluster) -> TlsAcceptor {
    must("read the serving pair", serving(&pki(cluster)))
}

/// What an administrator proves itself with.
pub fn admin(cluster: &Cluster) -> HeaderValue {
    let config = read(&cluster.kubeconfig(Who::Admin));
    let token = config["users"][0]["user"]["token"].as_str().unwrap_or_default();
    must("read the admin's token", HeaderValue::from_str(&format!("Bearer {token}")))
}

fn pki(cluster: &Cluster) -> PathBuf {
    cluster.control_plane().dir().join("pki")
}

fn read(kubeconfig: &Path) -> Value {
    let text = must("read a kubeconfig", std::fs::read_to_string(kubeconfig));
    must("read a kubeconfig", serde_json::from_str(&text))
}

/// The operator's kubeconfig, to another address.
pub fn kubeconfig(cluster: &Cluster, address: SocketAddr) -> PathBuf {
    let mut config = read(&cluster.kubeconfig(Who::Operator));
    config["clusters"][0]["cluster"]["server"] = json!(format!("https://{address}"));
    let path = cluster.control_plane().dir().join(format!("proxy-{}.json", address.port()));
    must("write a kubeconfig", std::fs::write(&path, config.to_string()));
    path
}

fn serving(pki: &Path) -> Result<TlsAcceptor, Failed> {
    let chain = CertificateDer::pem_file_iter(pki.join("serving.crt"))?.collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_file(pki.join("serving.key"))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(TlsAcceptor::from(Arc::new(config.with_no_client_auth().with_single_cert(chain, key)?)))
}

fn connector(pki: &Path) -> Result<TlsConnector, Failed> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(pki.join("ca.crt"))?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth())))
}
