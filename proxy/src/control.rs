//! A thread beside the workers for what is not viewers' traffic: operators, metrics, probes and what follows from them, successors.

use std::future::Future;
use std::io;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// Ends its thread, and whatever runs there, when it is dropped.
#[derive(Debug)]
pub(crate) struct Control {
    runtime: Handle,
    _end: oneshot::Sender<()>,
}

impl Control {
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (end, ends) = oneshot::channel::<()>();
        std::thread::Builder::new()
            .name("control".to_owned())
            .spawn(move || {
                // An error says that the other end is gone, which is what is waited for.
                let _ = runtime.block_on(ends);
                runtime.shutdown_background();
            })?;
        Ok(Self {
            runtime: handle,
            _end: end,
        })
    }

    /// Does this beside everything else.
    pub(crate) fn run(&self, errand: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(errand);
    }
}
