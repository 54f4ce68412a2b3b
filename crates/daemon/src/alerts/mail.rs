//! Mail over SMTP.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use ipnet::IpNet;
use lettre::message::Mailbox;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message as Mail, Tokio1Executor};
use linux_api_alerts::channels::mail;
use linux_api_alerts::message::Message;
use linux_api_config::{MailOptions, MailSecurity};
use secrecy::{ExposeSecret as _, SecretString};

use super::resolver;

/// A mail server, with its password, and the addresses of mails.
#[derive(Debug, Clone)]
pub struct MailChannel {
    options: MailOptions,
    credentials: Option<(String, SecretString)>,
    from: Mailbox,
    to: Vec<Mailbox>,
}

/// Reads an address, with or without a name before it.
///
/// # Errors
/// When it is none.
pub(super) fn address(text: &str) -> Result<Mailbox, String> {
    if text.chars().any(char::is_control) {
        return Err("expected no control characters".to_owned());
    }
    text.parse()
        .map_err(|_| "expected an address such as \"ops@example.org\"".to_owned())
}

impl MailChannel {
    /// A channel with the password of its account, if it has one.
    ///
    /// # Errors
    /// Names the address that is none.
    pub fn new(options: &MailOptions, password: Option<SecretString>) -> Result<Self, String> {
        let read = |text: &String| address(text).map_err(|error| format!("{error}: {text:?}"));
        let to: Result<Vec<Mailbox>, String> = options.to.iter().map(read).collect();
        Ok(Self {
            credentials: options.user.clone().zip(password),
            from: read(&options.from)?,
            to: to?,
            options: options.clone(),
        })
    }

    /// Its server, for people.
    #[must_use]
    pub fn shown(&self) -> String {
        format!("smtp://{}:{}", self.options.host, self.port())
    }

    fn port(&self) -> u16 {
        let usual = match self.options.security {
            MailSecurity::Tls => 465,
            MailSecurity::Starttls => 587,
            MailSecurity::None => 25,
        };
        self.options.port.unwrap_or(usual)
    }

    /// Sends a message within a time.
    ///
    /// # Errors
    /// Says what went wrong, in the words of the server where it responded.
    pub(super) async fn send(
        &self,
        message: &Message,
        networks: &[IpNet],
        within: Duration,
    ) -> Result<String, String> {
        let mail = self.mail(message)?;
        let work = async {
            let host = self.options.host.trim_matches(['[', ']']);
            let found = resolver::look_up(host, networks).await?;
            let address = found.first().ok_or("no address was found")?;
            let transport = self.transport(SocketAddr::new(*address, self.port()), within)?;
            let response = transport.send(mail).await.map_err(|error| chain(&error))?;
            Ok(response.code().to_string())
        };
        tokio::time::timeout(within, work)
            .await
            .unwrap_or_else(|_| Err(format!("no response within {} s", within.as_secs())))
    }

    /// To the address that was checked; the certificate must be that of the name.
    fn transport(
        &self,
        address: SocketAddr,
        within: Duration,
    ) -> Result<AsyncSmtpTransport<Tokio1Executor>, String> {
        let tls = match self.options.security {
            MailSecurity::None => Tls::None,
            MailSecurity::Starttls => Tls::Required(self.tls()?),
            MailSecurity::Tls => Tls::Wrapper(self.tls()?),
        };
        let server = address.ip().to_string();
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(server)
            .port(address.port())
            .timeout(Some(within))
            .tls(tls);
        if let Some((user, password)) = &self.credentials {
            let password = password.expose_secret().to_owned();
            builder = builder.credentials(Credentials::new(user.clone(), password));
        }
        Ok(builder.build())
    }

    fn tls(&self) -> Result<TlsParameters, String> {
        TlsParameters::new(self.options.host.clone()).map_err(|error| chain(&error))
    }

    /// The same bytes for each attempt, so that a mail server can see that it has it.
    fn mail(&self, message: &Message) -> Result<Mail, String> {
        let mail = mail::mail(message);
        let millis = u64::try_from(message.time.as_millis()).unwrap_or(0);
        let domain = self.from.email.domain();
        let mut builder = Mail::builder()
            .from(self.from.clone())
            .subject(mail.subject)
            .date(SystemTime::UNIX_EPOCH + Duration::from_millis(millis))
            .message_id(Some(format!("<{}@{domain}>", mail.id)));
        for to in &self.to {
            builder = builder.to(to.clone());
        }
        for (name, value) in mail.headers {
            let name = HeaderName::new_from_ascii_str(name);
            builder = builder.raw_header(HeaderValue::new(name, value.to_owned()));
        }
        let builder = builder.header(lettre::message::header::ContentType::TEXT_PLAIN);
        builder.body(mail.text).map_err(|error| chain(&error))
    }
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}
