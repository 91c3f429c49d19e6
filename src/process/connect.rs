//! The connection to the API server: from a kubeconfig or from the pod, with calls counted, nothing retried, and
//! nothing written by a process that does not lead.

use futures::future::BoxFuture;
use http::{Method, Request, Response, Uri};
use kube::{
    Client, Config,
    client::{Body, ClientBuilder},
    config::{KubeConfigOptions, Kubeconfig},
};
use std::{
    path::{Path, PathBuf},
    task::{Context, Poll},
    time::Duration,
};
use tower::{BoxError, Layer, Service};
use tracing::Instrument;

use super::{election::Leadership, traces};
use crate::controllers::{api_error::with_sources, meter::Meter, watches::Watches};

/// Whom to act as instead of who one is, as kubectl's flags of these names say.
#[derive(Debug, Default)]
pub(super) struct Acting {
    /// The user.
    pub(super) user: Option<String>,
    /// The groups.
    pub(super) groups: Vec<String>,
}

/// A client of a process that has no rivals, or a sentence that says what to do.
pub(super) async fn connect(
    kubeconfig: Option<&Path>,
    context: Option<&str>,
    acting: Acting,
    meter: Meter,
) -> Result<Client, String> {
    let mut config = config(kubeconfig, context).await?;
    if acting.user.is_some() {
        config.auth_info.impersonate = acting.user;
        config.auth_info.impersonate_groups = Some(acting.groups).filter(|groups| !groups.is_empty());
    }
    client(config, meter, Leadership::alone(), Watches::default())
}

/// How to connect, or a sentence that says what to do.
pub(super) async fn config(kubeconfig: Option<&Path>, context: Option<&str>) -> Result<Config, String> {
    let options = KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() };
    let mut config = match kubeconfig {
        Some(path) => {
            let file = Kubeconfig::read_from(path).map_err(|e| {
                format!(
                    "--kubeconfig {}: {}. Give a readable kubeconfig file",
                    path.display(),
                    with_sources(&e)
                )
            })?;
            Config::from_custom_kubeconfig(file, &options).await.map_err(|e| {
                format!(
                    "--kubeconfig {}: {}. Name a context, cluster and user that it has",
                    path.display(),
                    with_sources(&e)
                )
            })?
        }
        None if context.is_some() => Config::from_kubeconfig(&options)
            .await
            .map_err(|e| format!("--context: {}. Name a context of your kubeconfig", with_sources(&e)))?,
        None => Config::infer().await.map_err(|e| {
            format!(
                "no kubeconfig and no pod: {}. Give --kubeconfig FILE, or run in a cluster",
                with_sources(&e)
            )
        })?,
    };
    // What a pod trusts the library reads again by itself.
    if config.root_cert_file.is_none() && config.root_cert.is_some() {
        let file = kubeconfig.map_or_else(Kubeconfig::read, Kubeconfig::read_from);
        config.root_cert_file = file.ok().and_then(|file| ca_file(&file, context));
    }
    // The library would repeat a create; here an outcome is classed before anything is tried again.
    config.default_retry = false;
    config.connect_timeout = Some(Duration::from_secs(5));
    config.read_timeout = Some(SILENCE);
    Ok(config)
}

/// The file that holds the CA of a context's cluster, if it is in one: it is read again every minute, so that a CA that
/// is replaced there is followed.
fn ca_file(kubeconfig: &Kubeconfig, context: Option<&str>) -> Option<PathBuf> {
    let name = context.or(kubeconfig.current_context.as_deref())?;
    let context = kubeconfig.contexts.iter().find(|named| named.name == name)?.context.as_ref()?;
    let cluster = kubeconfig.clusters.iter().find(|named| named.name == context.cluster)?.cluster.as_ref()?;
    // What is written out comes first where both are.
    if cluster.certificate_authority_data.is_some() {
        return None;
    }
    cluster.certificate_authority.as_ref().map(PathBuf::from)
}

/// A client with connections of its own, which writes only while this process leads.
pub(super) fn client(
    config: Config,
    meter: Meter,
    leadership: Leadership,
    watches: Watches,
) -> Result<Client, String> {
    let builder =
        ClientBuilder::try_from(config).map_err(|e| format!("cannot connect: {}", with_sources(&e)))?;
    Ok(builder.with_layer(&Watched { meter, leadership, watches }).build())
}

/// How long an answer may take to begin. Calls that write have bounds of their own, which are shorter; this one is for
/// lists and the beginning of watches, which nothing else bounds: an answer that never came would be a kind that is
/// never seen again.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// How long a connection may be silent, in the middle of a list for one. Every watch says something, or ends, earlier.
const SILENCE: Duration = Duration::from_mins(6);

/// Counts calls by method and code, sees watches begin, and lets no write begin that is not this process's to make.
#[derive(Clone)]
struct Watched {
    meter: Meter,
    leadership: Leadership,
    watches: Watches,
}

impl<S> Layer<S> for Watched {
    type Service = Watching<S>;
    fn layer(&self, inner: S) -> Watching<S> {
        Watching { inner, by: self.clone() }
    }
}

#[derive(Clone)]
struct Watching<S> {
    inner: S,
    by: Watched,
}

impl<S, B> Service<Request<Body>> for Watching<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Future: Send + 'static,
    S::Error: Into<BoxError> + Send + 'static,
    B: 'static,
{
    type Response = Response<B>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<B>, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let method = request.method().clone();
        if method != Method::GET && !self.by.leadership.is_held() {
            return Box::pin(async { Err("not sent: another operator may lead by now".into()) });
        }
        let meter = self.by.meter.clone();
        let watched = watched(request.uri()).map(|kind| (self.by.watches.clone(), kind));
        let span = traces::call(&mut request);
        let call = self.inner.call(request);
        let ends = span.clone();
        let answered = async move {
            let answer = match tokio::time::timeout(ANSWER_WITHIN, call).await {
                Ok(answer) => answer.map_err(Into::into),
                Err(_) => Err(format!("no answer within {ANSWER_WITHIN:?}").into()),
            };
            let code = answer.as_ref().map_or(0, |a| a.status().as_u16());
            meter.called(&method, code);
            traces::answered(&ends, code);
            if let (Some((watches, kind)), Ok(answer)) = (watched, &answer)
                && answer.status().is_success()
            {
                watches.begun(&kind);
            }
            answer
        };
        Box::pin(answered.instrument(span))
    }
}

/// The kind that a call begins to watch, if that is what it does.
fn watched(call: &Uri) -> Option<String> {
    call.query()?.split('&').find(|parameter| *parameter == "watch=true")?;
    call.path().rsplit('/').next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::election;
    use std::convert::Infallible;
    use tower::ServiceExt;

    #[tokio::test]
    async fn a_process_that_does_not_lead_reads_and_writes_nothing() {
        let (_announcer, standby) = election::channel();
        for (leadership, writes) in [(Leadership::alone(), true), (standby, false)] {
            for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
                let server = tower::service_fn(async |_| Ok::<_, Infallible>(Response::new(())));
                let (meter, watches) = (Meter::default(), Watches::default());
                let client = Watched { meter, leadership: leadership.clone(), watches }.layer(server);
                let request =
                    Request::builder().method(method.clone()).body(Body::empty()).expect("a request");
                let sent = client.oneshot(request).await.is_ok();
                assert_eq!(sent, writes || method == Method::GET, "{method}");
            }
        }
    }

    #[test]
    fn the_file_of_a_ca_is_that_of_the_context_and_none_where_the_ca_is_written_out() {
        let kubeconfig = serde_json::from_value::<Kubeconfig>(serde_json::json!({
            "current-context": "of-a-file",
            "clusters": [
                {"name": "one", "cluster": {"certificate-authority": "/pki/ca.crt"}},
                {"name": "two", "cluster": {"certificate-authority": "/pki/ca.crt", "certificate-authority-data": "YQ=="}},
            ],
            "contexts": [
                {"name": "written-out", "context": {"cluster": "two", "user": "u"}},
                {"name": "of-a-file", "context": {"cluster": "one", "user": "u"}},
            ],
        }))
        .expect("a kubeconfig");
        let file = Some(PathBuf::from("/pki/ca.crt"));
        for (context, expected) in
            [(None, &file), (Some("of-a-file"), &file), (Some("written-out"), &None), (Some("none"), &None)]
        {
            assert_eq!(&ca_file(&kubeconfig, context), expected, "{context:?}");
        }
    }
}
