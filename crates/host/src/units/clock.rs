//! Whether the clock is synchronised, which the kernel says to a system call only, and systemd to everyone.

use zbus::zvariant::OwnedValue;

use super::systemd::PROPERTIES;
use super::{Units, UnitsUnavailable};

/// The name of the service on the bus, and of its interface.
const TIMEDATE: &str = "org.freedesktop.timedate1";
/// Its object.
const OBJECT: &str = "/org/freedesktop/timedate1";

impl Units {
    /// Whether the kernel's clock is synchronised, by whichever program does that here; `None` where no
    /// `systemd-timedated` is installed. It is started for this and ends by itself: for every few minutes.
    ///
    /// # Errors
    /// When the bus is not there, or does not respond within 2 s.
    pub async fn is_clock_synchronised(&self) -> Result<Option<bool>, UnitsUnavailable> {
        self.in_time(async {
            let connection = self.connect().await?;
            let body = (TIMEDATE, "NTPSynchronized");
            let called =
                connection.call_method(Some(TIMEDATE), OBJECT, Some(PROPERTIES), "Get", &body);
            match called.await {
                Ok(reply) => {
                    let value: OwnedValue = reply.body().deserialize()?;
                    Ok(bool::try_from(value).ok())
                }
                // The bus is there: it has no such service, or that does not start.
                Err(zbus::Error::MethodError(..)) => Ok(None),
                Err(error) => Err(error),
            }
        })
        .await
    }
}
