//! The end of threads that write files beside the workers.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Waits until `thread` has ended, which `ask` asks it to; false if its queue is full, and it is asked again. A full disk or a
/// reader who stopped reading must not keep the process: false at `deadline`.
pub(crate) fn sees_out(thread: JoinHandle<()>, deadline: Instant, ask: impl Fn() -> bool) -> bool {
    let mut asked = false;
    while !thread.is_finished() {
        asked = asked || ask();
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let _ = thread.join();
    true
}
