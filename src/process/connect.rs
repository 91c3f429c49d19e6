//! The connection to the API server: from a kubeconfig or from the pod, with calls counted and nothing retried.

use futures::future::BoxFuture;
use http::{Request, Response};
use kube::{
    Client, Config,
    client::{Body, ClientBuilder},
    config::{KubeConfigOptions, Kubeconfig},
};
use std::{
    path::Path,
    task::{Context, Poll},
    time::Duration,
};
use tower::{BoxError, Layer, Service};

use crate::controllers::{api_error::with_sources, meter::Meter};

/// Whom to act as instead of who one is, as kubectl's flags of these names say.
#[derive(Debug, Default)]
pub(super) struct Acting {
    /// The user.
    pub(super) user: Option<String>,
    /// The groups.
    pub(super) groups: Vec<String>,
}

/// A client, or a sentence that says what to do.
pub(super) async fn connect(
    kubeconfig: Option<&Path>,
    context: Option<&str>,
    acting: Acting,
    meter: Meter,
) -> Result<Client, String> {
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
    if acting.user.is_some() {
        config.auth_info.impersonate = acting.user;
        config.auth_info.impersonate_groups = Some(acting.groups).filter(|groups| !groups.is_empty());
    }
    // The library would repeat a create; here an outcome is classed before anything is tried again.
    config.default_retry = false;
    config.connect_timeout = Some(Duration::from_secs(5));
    let builder =
        ClientBuilder::try_from(config).map_err(|e| format!("cannot connect: {}", with_sources(&e)))?;
    Ok(builder.with_layer(&Counted(meter)).build())
}

/// Counts calls by method and code.
#[derive(Clone)]
struct Counted(Meter);

impl<S> Layer<S> for Counted {
    type Service = Counting<S>;
    fn layer(&self, inner: S) -> Counting<S> {
        Counting { inner, meter: self.0.clone() }
    }
}

#[derive(Clone)]
struct Counting<S> {
    inner: S,
    meter: Meter,
}

impl<S, B> Service<Request<Body>> for Counting<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Future: Send + 'static,
    S::Error: Into<BoxError> + Send + 'static,
    B: 'static,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<B>, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let method = request.method().clone();
        let meter = self.meter.clone();
        let call = self.inner.call(request);
        Box::pin(async move {
            let answer = call.await;
            meter.called(&method, answer.as_ref().map_or(0, |a| a.status().as_u16()));
            answer
        })
    }
}
