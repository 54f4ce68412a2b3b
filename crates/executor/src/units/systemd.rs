//! systemd on the bus, as far as it is used: see org.freedesktop.systemd1(5).

use std::collections::HashMap;
use std::time::Duration;

use serde::Serialize;
use zbus::zvariant::{
    DynamicDeserialize, DynamicType, ObjectPath, OwnedObjectPath, OwnedValue, Value,
};
use zbus::{Connection, Proxy, connection};

use linux_api_acts::protocol::{Failure, FailureCode};

/// The interface of any unit.
pub(super) const UNIT: &str = "org.freedesktop.systemd1.Unit";
/// The interface of services.
pub(super) const SERVICE: &str = "org.freedesktop.systemd1.Service";
const SYSTEMD: &str = "org.freedesktop.systemd1";
const ROOT: &str = "/org/freedesktop/systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const NO_SUCH_UNIT: &str = "org.freedesktop.systemd1.NoSuchUnit";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
/// How long the bus may take to connect, and systemd to reply to a call.
const CALL: Duration = Duration::from_secs(2);
/// The longest text of systemd's that is passed on.
const TEXT: usize = 400;

/// What [`Systemd::call`] gets in return.
pub(super) trait Returned: for<'d> DynamicDeserialize<'d> {}
impl<T: for<'d> DynamicDeserialize<'d>> Returned for T {}

/// systemd, over a connection to the bus. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Systemd(Connection);

impl Systemd {
    /// Connects to the bus at this address.
    pub(super) async fn connect(bus: &str) -> Result<Self, Failure> {
        let built = async {
            let builder = connection::Builder::address(bus)?;
            builder.method_timeout(CALL).build().await
        };
        match tokio::time::timeout(CALL, built).await {
            Ok(Ok(connection)) => Ok(Self(connection)),
            Ok(Err(error)) => Err(failure(&error)),
            Err(_) => Err(unavailable("the bus did not respond within 2 s")),
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// Calls a method of the manager.
    pub(super) async fn call<R: Returned>(
        &self,
        method: &str,
        arguments: &(impl Serialize + DynamicType + Sync),
    ) -> Result<R, Failure> {
        let root = ObjectPath::from_static_str_unchecked(ROOT);
        self.call_at(root, MANAGER, method, arguments).await
    }

    async fn call_at<R: Returned>(
        &self,
        path: ObjectPath<'_>,
        interface: &str,
        method: &str,
        arguments: &(impl Serialize + DynamicType + Sync),
    ) -> Result<R, Failure> {
        let called = self
            .0
            .call_method(Some(SYSTEMD), path, Some(interface), method, arguments);
        let reply = called.await.map_err(|error| failure(&error))?;
        let body = reply.body();
        let read: zbus::Result<R> = body.deserialize();
        read.map_err(|error| failure(&error))
    }

    /// The unit of this name, where it is loaded.
    pub(super) async fn unit(&self, name: &str) -> Result<Option<OwnedObjectPath>, Failure> {
        match self.call("GetUnit", &name).await {
            Ok(path) => Ok(Some(path)),
            Err(failure) if failure.code == FailureCode::Gone => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// The properties of an object, read at once.
    pub(super) async fn properties(
        &self,
        path: &OwnedObjectPath,
        interface: &str,
    ) -> Result<Properties, Failure> {
        let read = self.call_at((**path).clone(), PROPERTIES, "GetAll", &interface);
        read.await.map(Properties)
    }

    /// The jobs that end from now on.
    pub(super) async fn ended_jobs(&self) -> Result<zbus::proxy::SignalStream<'static>, Failure> {
        let stream = async {
            let manager = Proxy::new(&self.0, SYSTEMD, ROOT, MANAGER).await?;
            manager.receive_signal("JobRemoved").await
        };
        stream.await.map_err(|error| failure(&error))
    }
}

/// The properties of an object.
#[derive(Debug, Default)]
pub(super) struct Properties(HashMap<String, OwnedValue>);

impl Properties {
    fn get<'a, T: TryFrom<&'a Value<'a>>>(&'a self, name: &str) -> Option<T> {
        let value: &Value<'_> = self.0.get(name)?;
        T::try_from(value).ok()
    }

    pub(super) fn text(&self, name: &str) -> String {
        self.get::<&str>(name).unwrap_or_default().to_owned()
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.get(name)
    }

    pub(super) fn signed(&self, name: &str) -> Option<i32> {
        self.get(name)
    }

    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        let Some(Value::Array(array)) = self.0.get(name).map(|value| &**value) else {
            return Vec::new();
        };
        let text = |value: &Value<'_>| match value {
            Value::Str(text) => Some(text.as_str().to_owned()),
            _ => None,
        };
        array.iter().filter_map(text).collect()
    }
}

fn unavailable(why: &str) -> Failure {
    let message = format!("systemd can't be reached: {}", short(why));
    Failure::new(FailureCode::Unavailable, message)
}

fn failure(error: &zbus::Error) -> Failure {
    let zbus::Error::MethodError(name, text, _) = error else {
        return unavailable(&error.to_string());
    };
    let code = if name.as_str() == NO_SUCH_UNIT {
        FailureCode::Gone
    } else {
        FailureCode::System
    };
    let text = text.as_deref().unwrap_or(name.as_str());
    Failure::new(code, format!("systemd: {}", short(text)))
}

/// One line of a text that others wrote, for a log and a screen.
fn short(text: &str) -> String {
    let plain = |one: char| if one.is_control() { ' ' } else { one };
    text.chars().map(plain).take(TEXT).collect()
}
