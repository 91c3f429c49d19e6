//! Objects put straight into etcd, as the API server and the operator would have left them: copies of real ones, with
//! names, uids and numbers of their own. A store of a hundred thousand takes hours otherwise. Not for tests: nothing
//! is validated.

use futures::{StreamExt, stream};
use k8s_openapi::ByteString;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fixture::must;
use crate::wire;

/// The instance that is copied. No name here is part of another.
pub const INSTANCE_NAME: &str = "i-mould";
/// How many requests it has, which is the quota of the class `ecs`.
pub const REQUESTS: usize = 5;
/// What the API server keeps our resources under.
const PREFIX: &str = "/registry/icp-filing.dev/";
/// How many objects are put in one transaction; etcd allows 128. What a watch is to show is put one by one: a watch
/// that ends amid objects of one revision goes on after it, and never shows the rest.
const AT_ONCE: usize = 100;
/// How many transactions are under way.
const WRITERS: usize = 16;

/// The name of a request that is copied.
pub fn request_name(k: usize) -> String {
    format!("asked-{k}")
}

/// One object as text, with its uid in it.
#[derive(Clone, Debug)]
struct Text {
    json: String,
    uid: String,
}

/// The objects that are copied: an instance with its requests, before and after they were served.
#[derive(Clone, Debug)]
pub struct Mould {
    namespace: String,
    declared: Text,
    counted: Text,
    waiting: Vec<Text>,
    served: Vec<Text>,
    /// By request, with the slot.
    records: Vec<(u64, Text)>,
    /// By request.
    numbers: Vec<String>,
}

impl Mould {
    /// The instance before anything was asked of it.
    pub async fn declared(etcd: &str, namespace: &str) -> Value {
        read(etcd, &format!("instances/{namespace}/{INSTANCE_NAME}"), None).await.0
    }

    /// Everything that the operator left, which is then taken away.
    pub async fn take(etcd: &str, namespace: &str, declared: Value) -> Self {
        let counted = read(etcd, &format!("instances/{namespace}/{INSTANCE_NAME}"), None).await.0;
        let mut mould = Self {
            namespace: namespace.to_owned(),
            declared: Text::of(&declared),
            counted: Text::of(&counted),
            waiting: Vec::new(),
            served: Vec::new(),
            records: Vec::new(),
            numbers: Vec::new(),
        };
        let mut used = vec![format!("instances/{namespace}/{INSTANCE_NAME}")];
        for k in 0..REQUESTS {
            let key = format!("servicenumberrequests/{namespace}/{}", request_name(k));
            let (served, created) = read(etcd, &key, None).await;
            mould.waiting.push(Text::of(&read(etcd, &key, Some(&created)).await.0));
            let record = served["status"]["recordName"].as_str().unwrap_or_default().to_owned();
            mould.numbers.push(served["status"]["serviceNumber"].as_str().unwrap_or_default().to_owned());
            mould.served.push(Text::of(&served));
            let record_key = format!("servicenumbers/{record}");
            let record = read(etcd, &record_key, None).await.0;
            mould.records.push((record["spec"]["slot"].as_u64().unwrap_or_default(), Text::of(&record)));
            used.extend([key, record_key]);
        }
        let deletions: Vec<_> = used.iter().map(|key| deletion(key)).collect();
        transact(etcd, &deletions).await;
        mould
    }
}

impl Text {
    fn of(object: &Value) -> Self {
        Self {
            json: object.to_string(),
            uid: object["metadata"]["uid"].as_str().unwrap_or_default().to_owned(),
        }
    }

    /// A copy with a uid of its own.
    fn copy(&self, names: &[(&str, &str)]) -> String {
        let mut json = self.json.replace(&self.uid, &Uuid::new_v4().to_string());
        for (old, new) in names {
            json = json.replace(old, new);
        }
        json
    }
}

/// Copies that belong together: instances, each with its requests.
#[derive(Clone, Debug)]
pub struct Batch {
    /// What their names begin with.
    pub name: String,
    /// The namespace that they are in.
    pub namespace: String,
    /// How many instances there are.
    pub instances: usize,
    /// How many requests each of them has.
    pub requests: usize,
    /// The class of the instances.
    pub class: String,
}

impl Batch {
    /// So many instances of the shipped class `ecs`, each with as many requests as it has numbers.
    pub fn new(name: impl Into<String>, namespace: &str, instances: usize) -> Self {
        let (name, namespace, class) = (name.into(), namespace.to_owned(), "ecs".to_owned());
        Self { name, namespace, instances, requests: REQUESTS, class }
    }

    /// The name of an instance.
    pub fn instance(&self, at: usize) -> String {
        format!("i-{}-{at}", self.name)
    }

    /// The name of one of its requests.
    pub fn request(&self, at: usize, k: usize) -> String {
        format!("{}-{at}-{k}", self.name)
    }

    /// How many requests there are.
    pub fn count(&self) -> usize {
        self.instances * self.requests
    }
}

/// What of a batch is put into the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The instances, which the operator has looked at.
    Declared,
    /// The requests, which it has not.
    Waiting,
    /// Everything, served.
    Served,
}

/// A request in the store that waits to be served, with its revision and what it will be served with.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// Its name.
    pub name: String,
    /// Its revision, if it is there.
    pub revision: Option<String>,
    /// The record that it will get.
    pub record: Value,
    /// The request as it will be.
    pub served: Value,
}

/// The store, to be written to without the API server.
#[derive(Clone, Debug)]
pub struct Stored {
    etcd: String,
    mould: Mould,
}

impl Stored {
    /// The store of an etcd.
    pub fn new(etcd: &str, mould: Mould) -> Self {
        Self { etcd: etcd.to_owned(), mould }
    }

    /// Puts a part of a batch into the store and gives the revisions: of what waits, one for each request.
    pub async fn put(&self, batch: &Batch, part: Part) -> Vec<String> {
        let at_once = match part {
            Part::Served => AT_ONCE,
            Part::Declared | Part::Waiting => 1,
        };
        let objects = (0..batch.instances).flat_map(|at| self.objects(batch, at, part));
        let transactions = stream::iter(objects).chunks(at_once).map(async |objects| {
            let puts: Vec<_> = objects.iter().map(|(key, json)| put(key, json)).collect();
            transact(&self.etcd, &puts).await
        });
        transactions.buffered(WRITERS).collect().await
    }

    /// Takes a whole batch out of the store, with the records of its requests.
    pub async fn remove(&self, batch: &Batch) {
        let keys = (0..batch.instances).flat_map(|at| {
            let instance = batch.instance(at);
            let requests = (0..batch.requests).flat_map(move |k| {
                let request = format!("servicenumberrequests/{}/{}", batch.namespace, batch.request(at, k));
                [request, format!("servicenumbers/instance.{}-{k}", batch.instance(at))]
            });
            requests.chain([format!("instances/{}/{instance}", batch.namespace)])
        });
        let deletions: Vec<_> = keys.map(|key| deletion(&key)).collect();
        let pieces = deletions.chunks(AT_ONCE).map(|piece| transact(&self.etcd, piece));
        stream::iter(pieces).buffered(WRITERS).for_each(async |_| ()).await;
    }

    /// What the requests of a batch wait for, by the revisions that [`Self::put`] gave, if they are there.
    pub fn waiting(&self, batch: &Batch, revisions: &[String]) -> Vec<Waiting> {
        let read = |json: &str| -> Value { must("read a copy", serde_json::from_str(json)) };
        let mut revisions = revisions.iter().cloned();
        let mut waiting = Vec::new();
        for at in 0..batch.instances {
            let served = self.objects(batch, at, Part::Served);
            for (k, pair) in served[1..].chunks(2).enumerate() {
                let (served, record) = (read(&pair[0].1), read(&pair[1].1));
                waiting.push(Waiting {
                    name: batch.request(at, k),
                    revision: revisions.next(),
                    record,
                    served,
                });
            }
        }
        waiting
    }

    /// Keys and texts: of what is served the instance, and then each request with its record.
    fn objects(&self, batch: &Batch, at: usize, part: Part) -> Vec<(String, String)> {
        let Mould { namespace, declared, counted, waiting, served, records, numbers } = &self.mould;
        let (own, instance) = (batch.namespace.as_str(), batch.instance(at));
        let class = format!(r#""className":"{}""#, batch.class);
        let names = [
            (namespace.as_str(), own),
            (INSTANCE_NAME, instance.as_str()),
            (r#""className":"ecs""#, class.as_str()),
        ];
        let instance_key = format!("instances/{own}/{instance}");
        let request_key = |k| format!("servicenumberrequests/{own}/{}", batch.request(at, k));
        match part {
            Part::Declared => vec![(instance_key, declared.copy(&names))],
            Part::Waiting => (0..batch.requests)
                .map(|k| {
                    let (old, new) = (request_name(k % REQUESTS), batch.request(at, k));
                    let names = [&names[..], &[(&old, &new)]].concat();
                    (request_key(k), waiting[k % REQUESTS].copy(&names))
                })
                .collect(),
            Part::Served => {
                let changed: Vec<_> = (0..REQUESTS)
                    .flat_map(|k| {
                        let number = (numbers[k].clone(), Uuid::new_v4().to_string());
                        [(request_name(k), batch.request(at, k)), number]
                    })
                    .collect();
                let mut names = names.to_vec();
                names.extend(changed.iter().map(|(old, new)| (old.as_str(), new.as_str())));
                let mut objects = vec![(instance_key, counted.copy(&names))];
                for k in 0..REQUESTS {
                    let (slot, record) = &records[k];
                    let record_key = format!("servicenumbers/instance.{instance}-{slot}");
                    objects.push((request_key(k), served[k].copy(&names)));
                    objects.push((record_key, record.copy(&names)));
                }
                objects
            }
        }
    }
}

fn bytes(text: &str) -> ByteString {
    ByteString(text.as_bytes().to_vec())
}

fn put(key: &str, json: &str) -> Value {
    json!({"requestPut": {"key": bytes(&format!("{PREFIX}{key}")), "value": bytes(json)}})
}

fn deletion(key: &str) -> Value {
    json!({"requestDeleteRange": {"key": bytes(&format!("{PREFIX}{key}"))}})
}

/// Carries operations out in one transaction and gives its revision.
async fn transact(etcd: &str, operations: &[Value]) -> String {
    let answer = ask(etcd, "/v3/kv/txn", &json!({"success": operations})).await;
    answer["header"]["revision"].as_str().unwrap_or_default().to_owned()
}

/// An object, as it is or as it was at a revision, and the revision at which it was created.
async fn read(etcd: &str, key: &str, revision: Option<&str>) -> (Value, String) {
    let at = revision.unwrap_or("0");
    let question = json!({"key": bytes(&format!("{PREFIX}{key}")), "revision": at});
    let answer = ask(etcd, "/v3/kv/range", &question).await;
    let found = &answer["kvs"][0];
    let value: ByteString = must(&format!("find {key}"), serde_json::from_value(found["value"].clone()));
    let object = must("read an object of the store", serde_json::from_slice(&value.0));
    (object, found["create_revision"].as_str().unwrap_or_default().to_owned())
}

async fn ask(etcd: &str, path: &str, question: &Value) -> Value {
    let address = etcd.trim_start_matches("http://");
    let (status, answer) = must("ask etcd", wire::post(address, path, &question.to_string()).await);
    assert_eq!(status, 200, "{answer}");
    must("read etcd's answer", serde_json::from_str(&answer))
}
