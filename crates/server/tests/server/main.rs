//! The server as its clients see it, over a service that does what each test says.

mod dialects;
mod fake;
mod formats;
mod guards;
mod loopback;
mod recorded;
mod routing;
mod tls;
