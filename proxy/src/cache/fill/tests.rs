//! A fill among threads: whoever reads it gets every byte in order, or is told that it broke off, and nobody waits for ever.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{LazyLock, mpsc};
use std::task::Wake;
use std::thread;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use tideover_rules::cache::freshness::Lifetime;

use super::*;

/// Nothing here takes a hundredth of it.
const IN_VAIN: Duration = Duration::from_secs(20);

struct Unparks(thread::Thread);

impl Wake for Unparks {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs `future` on this thread. A wake-up that is lost is a panic, and no test that hangs.
fn wait_for<F: Future>(future: F) -> F::Output {
    let waker = Arc::new(Unparks(thread::current())).into();
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        let began = std::time::Instant::now();
        thread::park_timeout(IN_VAIN);
        assert!(began.elapsed() < IN_VAIN, "nobody was woken");
    }
}

fn head() -> Head {
    Head {
        status: StatusCode::OK,
        fields: HeaderMap::new(),
        lifetime: Lifetime::default(),
        compressed: None,
        part: None,
    }
}

fn opened(held: &Arc<AtomicU64>) -> (Arc<Fill>, Inlet) {
    let fill = Fill::new(b"key", Since::default(), held);
    let (inlet, _) = Inlet::opens(Arc::clone(&fill), head(), None, None);
    (fill, inlet)
}

/// Bytes `from` to `from + length` of every body here, 1 MiB at most.
fn body(from: u64, length: u64) -> Bytes {
    const PERIOD: u64 = 251;
    static BYTES: LazyLock<Bytes> = LazyLock::new(|| {
        let bytes = (0..1024 * 1024 + PERIOD).map(|at| u8::try_from(at % PERIOD));
        bytes.map(Result::unwrap_or_default).collect()
    });
    let from = usize::try_from(from % PERIOD).unwrap_or_default();
    BYTES.slice(from..from + usize::try_from(length).unwrap_or_default())
}

/// What a reader came to: how many bytes, and whether that was all.
fn reads(mut reader: FillReader, until: u64) -> (u64, Option<bool>) {
    let Stage::Flowing(flowing) = wait_for(reader.stage()) else {
        return (0, Some(false));
    };
    reader.flows(flowing);
    let mut read = 0;
    while read < until {
        match wait_for(poll_fn(|context| reader.poll_chunk(context))) {
            Some(Ok(bytes)) => {
                let length = bytes.len() as u64;
                assert!(bytes == body(read, length), "from byte {read} on");
                read += length;
            }
            Some(Err(BrokeOff)) => return (read, Some(false)),
            None => {
                assert!(reader.is_at_its_end());
                return (read, Some(true));
            }
        }
    }
    (read, None)
}

/// One play: several threads join, read, leave half-way, while one pours, lets go and ends as the seed has it.
fn play(seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let held: Arc<AtomicU64> = Arc::default();
    let fill = Fill::new(b"key", Since::default(), &held);
    let chunks = random.u64(1..60);
    let size = random.u64(1..70_000);
    let lets_go = random.bool().then(|| random.u64(0..chunks));
    let breaks = (random.u8(0..4) == 0).then(|| random.u64(0..=chunks));
    let is_kept = lets_go.is_none() && random.bool();
    let total = chunks * size;
    let (say, came) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..random.usize(1..8) {
            let until = if random.u8(0..3) == 0 {
                random.u64(0..total)
            } else {
                u64::MAX
            };
            let comes_late = random.bool();
            let pause = random.u64(0..2000);
            let early = (!comes_late).then(|| fill.join());
            let (fill, say) = (Arc::clone(&fill), say.clone());
            scope.spawn(move || {
                let reader = early.unwrap_or_else(|| {
                    thread::sleep(Duration::from_micros(pause));
                    fill.join()
                });
                if let Some(reader) = reader {
                    let (read, end) = reads(reader, until);
                    say.send((read, end)).expect("somebody listens");
                }
            });
        }
        drop(say);
        let (inlet, _) = Inlet::opens(Arc::clone(&fill), head(), None, None);
        for nth in 0..chunks {
            if breaks == Some(nth) {
                return;
            }
            if lets_go == Some(nth) {
                inlet.lets_go();
            }
            if wait_for(poll_fn(|context| inlet.poll_room(context))).is_err() {
                // Nobody is left, and nothing is kept.
                return;
            }
            inlet.push(body(nth * size, size));
        }
        let kept =
            is_kept.then(|| Kept::answer(b"key", 0, Duration::ZERO, inlet.head(), &inlet.chunks()));
        inlet.ends(kept.as_ref());
    });
    for (read, end) in came {
        match end {
            Some(true) => assert_eq!(read, total, "seed {seed}: cut, and said to be whole"),
            Some(false) => assert!(read <= total, "seed {seed}"),
            None => {}
        }
        let may_break = breaks.is_some() || lets_go.is_some();
        assert!(end != Some(false) || may_break, "seed {seed}: broke off");
    }
    drop(fill);
    assert_eq!(held.load(Relaxed), 0, "seed {seed}: counted as held");
}

#[test]
fn no_reader_misses_a_byte_or_waits_for_ever() {
    for seed in 0..400 {
        play(seed);
    }
}

#[test]
fn who_comes_while_the_first_bytes_go_reads_all_of_them_or_none() {
    for _ in 0..300 {
        let (fill, inlet) = opened(&Arc::default());
        inlet.push(body(0, 10));
        thread::scope(|scope| {
            let late = scope.spawn(|| fill.join().map(|reader| reads(reader, u64::MAX)));
            inlet.lets_go();
            inlet.push(body(10, 10));
            inlet.ends(None);
            let late = late.join().expect("no panic");
            assert!(matches!(late, None | Some((20, Some(true)))), "{late:?}");
        });
    }
}

#[test]
fn beyond_all_bounds_the_slowest_holds_it_back_and_no_longer_than_it_stays() {
    let held: Arc<AtomicU64> = Arc::default();
    let (fill, inlet) = opened(&held);
    let slow = fill.join().expect("its first byte is there");
    let fast = fill.join().expect("its first byte is there");
    inlet.lets_go();
    assert!(fill.join().is_none());
    let waker = Waker::noop();
    let context = Context::from_waker(waker);
    let mut poured = 0;
    while inlet.poll_room(&context).is_ready() {
        inlet.push(body(poured, 16 * 1024));
        poured += 16 * 1024;
    }
    assert!(poured <= WINDOW + 16 * 1024, "{poured}");
    assert_eq!(reads(fast, poured).0, poured);
    assert!(inlet.poll_room(&context).is_pending());
    drop(slow);
    assert_eq!(held.load(Relaxed), 0);
    assert!(matches!(
        inlet.poll_room(&context),
        Poll::Ready(Err(BrokeOff))
    ));
}

#[test]
fn who_reads_slowly_what_is_kept_holds_it_only_once() {
    let held: Arc<AtomicU64> = Arc::default();
    let (fill, inlet) = opened(&held);
    let slow = fill.join().expect("its first byte is there");
    let mut halfway = fill.join().expect("its first byte is there");
    for nth in 0..300 {
        inlet.push(body(nth * 10_000, 10_000));
    }
    let first = wait_for(poll_fn(|context| halfway.poll_chunk(context)));
    assert_eq!(first.and_then(Result::ok).map(|it| it.len()), Some(10_000));
    let kept = Kept::answer(b"key", 0, Duration::ZERO, inlet.head(), &inlet.chunks());
    inlet.ends(Some(&kept));
    assert_eq!(held.load(Relaxed), 0);
    assert_eq!(reads(slow, u64::MAX), (3_000_000, Some(true)));
    let mut rest = Vec::new();
    while let Some(Ok(bytes)) = wait_for(poll_fn(|context| halfway.poll_chunk(context))) {
        rest.extend_from_slice(&bytes);
    }
    assert_eq!(rest.len(), 2_990_000);
    assert!(
        rest.chunks(10_000)
            .zip(1..)
            .all(|(chunk, nth)| chunk == body(nth * 10_000, 10_000))
    );
}

#[test]
fn whoever_has_read_nothing_of_what_broke_off_asks_anew() {
    let (fill, inlet) = opened(&Arc::default());
    let mut reader = fill.join().expect("its first byte is there");
    inlet.push(body(0, 10));
    drop(inlet);
    assert!(matches!(wait_for(reader.stage()), Stage::Abandoned));
}

#[test]
fn a_crowd_beyond_all_bounds_costs_each_reader_its_own_reading() {
    const READERS: usize = 3000;
    let (fill, inlet) = opened(&Arc::default());
    let mut readers: Vec<_> = (0..READERS).filter_map(|_| fill.join()).collect();
    inlet.lets_go();
    let waker = Waker::noop();
    let mut context = Context::from_waker(waker);
    let began = std::time::Instant::now();
    for nth in 0..200 {
        inlet.push(body(nth, 1));
        for reader in &mut readers {
            assert!(reader.poll_chunk(&mut context).is_ready());
        }
    }
    // 600,000 chunks are read; looking at all others for each of them would be 1.8 billion looks.
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
}
