//! The keys and certificates of one control plane. They live as long as its folder and serve nothing else.

use std::net::Ipv4Addr;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use crate::error::Error;
use crate::files::{create_folder, write_private};

/// Writes `ca.crt`, and `.key` with `.crt` or `.pub` of `serving` and `service-accounts`, into `folder`.
pub(crate) fn write(folder: &Path, pods: Option<Ipv4Addr>) -> Result<(), Error> {
    create_folder(folder)?;
    write_serving(folder, pods)?;
    // The API server reads no public key out of this form of a private one.
    let accounts = KeyPair::generate()?;
    write_private(&folder.join("service-accounts.key"), &accounts.serialize_pem())?;
    write_private(&folder.join("service-accounts.pub"), &accounts.public_key_pem())
}

/// Writes the serving pair of a new CA, and that CA, in place of those that are there.
///
/// The serving pair is for 127.0.0.1 and localhost, and so also fits a proxy that a test puts in
/// front of the API server; with pods, also for that address of the machine, and for the Service that pods ask.
/// The CA's own key is not kept: nothing else is to be signed.
pub(crate) fn write_serving(folder: &Path, pods: Option<Ipv4Addr>) -> Result<(), Error> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.distinguished_name.push(DnType::CommonName, "testbed");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca_key = KeyPair::generate()?;
    let ca = params.self_signed(&ca_key)?;
    let issuer = Issuer::new(params, ca_key);

    let mut names = ["127.0.0.1", "localhost", "kubernetes.default.svc"].map(str::to_owned).to_vec();
    names.extend(pods.into_iter().flat_map(|address| [address.to_string(), "10.96.0.1".to_owned()]));
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, "kube-apiserver");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let serving_key = KeyPair::generate()?;
    let serving = params.signed_by(&serving_key, &issuer)?;

    write_private(&folder.join("ca.crt"), &ca.pem())?;
    write_private(&folder.join("serving.crt"), &serving.pem())?;
    write_private(&folder.join("serving.key"), &serving_key.serialize_pem())
}
