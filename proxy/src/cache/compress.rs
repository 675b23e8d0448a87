//! Bodies that are compressed on their way into the cache, by threads of their own.
//!
//! To compress takes a thousand times longer than to pass on: a worker that did it would keep all its other viewers waiting.
//! The threads are the edge's, not a worker's, and few: on any machine they are at most a quarter of its cores, rounded up, so
//! that a cold cache slows the misses and not the hits. Between two batches of one body they are free for others: an origin
//! that takes its time holds none of them. What is more than they can do soon is not compressed at all.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, mpsc};
use std::task::{Context, Poll, ready};
use std::thread;
use std::time::Duration;

use brotli::CompressorWriter;
use brotli::enc::BrotliEncoderParams;
use bytes::Bytes;
use flate2::write::GzEncoder;
use http_body::{Body, Frame};
use tideover_rules::cache::compression::Coding;
use tokio::sync::oneshot;
use tokio::time::{Sleep, sleep};

/// So many bytes are compressed at once, unless no more have come for [`PATIENCE`]: what comes out of them can be read then.
const BATCH: usize = 64 * 1024;
/// Real time that the first byte of a batch waits for the rest of it.
const PATIENCE: Duration = Duration::from_millis(20);
/// Per thread: so many bytes of bodies to compress and of memory to do so with may be under way. It is half a second of work.
const AHEAD: u64 = 32 * 1024 * 1024;
/// With more threads than this a link is full before they are.
const MOST_THREADS: usize = 16;

/// zlib's default: beyond it the time doubles for 1 % fewer bytes.
const GZIP_LEVEL: u32 = 6;
/// At gzip's speed, and 10 to 18 % fewer bytes than gzip; beyond it the memory doubles for 2 %.
const BROTLI_QUALITY: i32 = 5;
/// 2 to this power is the farthest look back: 512 KiB. Each more doubles the memory.
const BROTLI_WINDOW: u32 = 19;

/// The threads that compress, begun with the first body for them.
#[derive(Debug, Default)]
pub(crate) struct Compressors {
    threads: OnceLock<Threads>,
    /// Bytes that are under way.
    ahead: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Threads {
    /// They end with it.
    jobs: mpsc::Sender<Job>,
    count: u64,
}

impl Compressors {
    /// What compresses one body of `length` bytes with `coding`; `None` if that would have to wait for too many others.
    pub(crate) fn begin(&self, coding: Coding, length: u64) -> Option<Compressor> {
        let threads = self.threads.get_or_init(Threads::begin);
        let takes = length.saturating_add(memory(coding, length));
        let most = threads.count * AHEAD;
        let may = |ahead: u64| ahead.checked_add(takes).filter(|sum| *sum <= most);
        if self.ahead.fetch_update(Relaxed, Relaxed, may).is_err() {
            tracing::debug!(length, "too busy to compress an answer");
            return None;
        }
        Some(Compressor {
            coding,
            length,
            jobs: threads.jobs.clone(),
            _under_way: UnderWay {
                takes,
                ahead: Arc::clone(&self.ahead),
            },
        })
    }
}

impl Threads {
    /// As many of them as the system has to give: none, if it comes to that.
    fn begin() -> Self {
        let (jobs, queue) = mpsc::channel::<Job>();
        let queue = Arc::new(Mutex::new(queue));
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let wanted = cores.div_ceil(4).min(MOST_THREADS);
        let begun = (0..wanted).map_while(|_| {
            let queue = Arc::clone(&queue);
            let named = thread::Builder::new().name("compress".to_owned());
            named.spawn(move || work(&queue)).ok()
        });
        let count = begun.count() as u64;
        Self { jobs, count }
    }
}

fn work(queue: &Mutex<mpsc::Receiver<Job>>) {
    loop {
        // Not in one expression: the others are to get at the queue while this one works.
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        // A body that an encoder chokes on is cut; the next one is another's.
        let _ = catch_unwind(AssertUnwindSafe(|| job.run()));
    }
}

/// Bytes that an encoder has between two batches; a body of one batch needs it but for that moment.
fn memory(coding: Coding, length: u64) -> u64 {
    if length <= BATCH as u64 {
        return 0;
    }
    match coding {
        Coding::Gzip => 512 * 1024,
        Coding::Brotli => 2 * 1024 * 1024 + (8 << brotli_window(length)),
    }
}

/// The least window that all of a body of `length` bytes is in.
fn brotli_window(length: u64) -> u32 {
    const LEAST: u32 = 16;
    let bits = u64::BITS - length.leading_zeros();
    bits.clamp(LEAST, BROTLI_WINDOW)
}

/// What compresses one body.
#[derive(Debug)]
pub(crate) struct Compressor {
    coding: Coding,
    length: u64,
    jobs: mpsc::Sender<Job>,
    _under_way: UnderWay,
}

#[derive(Debug)]
struct UnderWay {
    takes: u64,
    ahead: Arc<AtomicU64>,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.ahead.fetch_sub(self.takes, Relaxed);
    }
}

impl Compressor {
    /// What with.
    pub(crate) fn coding(&self) -> Coding {
        self.coding
    }

    /// `body`, compressed: its first bytes come before its last ones have gone in.
    pub(crate) fn compresses<B>(self, body: B) -> Compressing<B> {
        Compressing {
            body: Box::pin(body),
            compressor: self,
            encoder: None,
            batch: Batch::default(),
            running: None,
        }
    }
}

/// A body on its way through an encoder.
pub(crate) struct Compressing<B> {
    body: Pin<Box<B>>,
    compressor: Compressor,
    /// Here between two batches, from the first one on.
    encoder: Option<Encoder>,
    batch: Batch,
    running: Option<Running>,
}

/// What goes into the encoder next.
#[derive(Default)]
struct Batch {
    chunks: Vec<Bytes>,
    bytes: usize,
    due: Option<Pin<Box<Sleep>>>,
}

enum Running {
    /// The batch is in work.
    Batch(oneshot::Receiver<Done>),
    /// The last one is out.
    Ended,
}

/// A compressed body broke off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CompressError<E> {
    /// So did the body.
    #[error("the body broke off")]
    Body(E),
    /// Nobody's fault but the edge's.
    #[error("the encoder failed")]
    Encoder,
}

impl<B> Body for Compressing<B>
where
    B: Body<Data = Bytes>,
{
    type Data = Bytes;
    type Error = CompressError<B::Error>;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        loop {
            match &mut this.running {
                Some(Running::Ended) => return Poll::Ready(None),
                Some(Running::Batch(running)) => {
                    let Ok(done) = ready!(Pin::new(running).poll(context)) else {
                        this.running = Some(Running::Ended);
                        return Poll::Ready(Some(Err(CompressError::Encoder)));
                    };
                    this.running = done.encoder.is_none().then_some(Running::Ended);
                    this.encoder = done.encoder;
                    if !done.output.is_empty() {
                        return Poll::Ready(Some(Ok(Frame::data(done.output))));
                    }
                }
                None => {
                    let is_last = match ready!(this.batch.poll(this.body.as_mut(), context)) {
                        Ok(is_last) => is_last,
                        Err(error) => {
                            this.running = Some(Running::Ended);
                            return Poll::Ready(Some(Err(CompressError::Body(error))));
                        }
                    };
                    this.running = Some(this.begin(is_last));
                }
            }
        }
    }
}

impl<B> Compressing<B> {
    /// The batch goes to whoever is free first.
    fn begin(&mut self, is_last: bool) -> Running {
        let (sends, running) = oneshot::channel();
        let batch = std::mem::take(&mut self.batch);
        let job = Job {
            coding: self.compressor.coding,
            length: self.compressor.length,
            encoder: self.encoder.take(),
            chunks: batch.chunks,
            is_last,
            sends,
        };
        // Without threads there is nobody to take it: dropped, it tells `running` so.
        let _ = self.compressor.jobs.send(job);
        Running::Batch(running)
    }
}

impl Batch {
    /// Ready when it is time for the encoder; whether nothing follows.
    fn poll<B>(
        &mut self,
        mut body: Pin<&mut B>,
        context: &mut Context<'_>,
    ) -> Poll<Result<bool, B::Error>>
    where
        B: Body<Data = Bytes>,
    {
        loop {
            match body.as_mut().poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        self.bytes += data.len();
                        self.chunks.push(data);
                    }
                    if body.is_end_stream() {
                        return Poll::Ready(Ok(true));
                    }
                    if self.bytes >= BATCH {
                        return Poll::Ready(Ok(false));
                    }
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                Poll::Ready(None) => return Poll::Ready(Ok(true)),
                Poll::Pending if self.bytes == 0 => return Poll::Pending,
                Poll::Pending => {
                    let due = self.due.get_or_insert_with(|| Box::pin(sleep(PATIENCE)));
                    return due.as_mut().poll(context).map(|()| Ok(false));
                }
            }
        }
    }
}

/// One batch of a body.
struct Job {
    coding: Coding,
    /// Of the whole body.
    length: u64,
    encoder: Option<Encoder>,
    chunks: Vec<Bytes>,
    is_last: bool,
    sends: oneshot::Sender<Done>,
}

struct Done {
    /// `None` after the last batch.
    encoder: Option<Encoder>,
    output: Bytes,
}

impl Job {
    fn run(self) {
        if self.sends.is_closed() {
            return;
        }
        let encoder = self.encoder;
        let encoder = encoder.unwrap_or_else(|| Encoder::new(self.coding, self.length));
        if let Ok(done) = encoder.encode(&self.chunks, self.is_last) {
            // Whoever wanted it may be gone by now.
            let _ = self.sends.send(done);
        }
    }
}

enum Encoder {
    Gzip(GzEncoder<Vec<u8>>),
    Brotli(Box<CompressorWriter<Vec<u8>>>),
}

impl Encoder {
    fn new(coding: Coding, length: u64) -> Self {
        /// Of what it hands over to the output at once.
        const PIECE: usize = 4096;
        match coding {
            Coding::Gzip => {
                let level = flate2::Compression::new(GZIP_LEVEL);
                Self::Gzip(GzEncoder::new(Vec::new(), level))
            }
            Coding::Brotli => {
                let params = BrotliEncoderParams {
                    quality: BROTLI_QUALITY,
                    lgwin: i32::try_from(brotli_window(length)).unwrap_or_default(),
                    size_hint: usize::try_from(length).unwrap_or_default(),
                    ..BrotliEncoderParams::default()
                };
                let writer = CompressorWriter::with_params(Vec::new(), PIECE, &params);
                Self::Brotli(Box::new(writer))
            }
        }
    }

    /// What comes out of `chunks`: enough to make all of them of it again.
    fn encode(mut self, chunks: &[Bytes], is_last: bool) -> std::io::Result<Done> {
        for chunk in chunks {
            self.writer().write_all(chunk)?;
        }
        if !is_last {
            self.writer().flush()?;
            let output = std::mem::take(self.output()).into();
            let encoder = Some(self);
            return Ok(Done { encoder, output });
        }
        let output = match self {
            Self::Gzip(encoder) => encoder.finish()?,
            Self::Brotli(encoder) => encoder.into_inner(),
        };
        Ok(Done {
            encoder: None,
            output: output.into(),
        })
    }

    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Gzip(encoder) => encoder,
            Self::Brotli(encoder) => encoder,
        }
    }

    fn output(&mut self) -> &mut Vec<u8> {
        match self {
            Self::Gzip(encoder) => encoder.get_mut(),
            Self::Brotli(encoder) => encoder.get_mut(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::future::poll_fn;
    use std::io::Read;

    use proptest::prelude::*;

    use super::*;

    /// Chunks, after each of which it is not ready at once.
    struct Chunks(VecDeque<Bytes>, bool);

    impl Body for Chunks {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            self.1 = !self.1;
            if self.1 {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Ready(self.0.pop_front().map(|chunk| Ok(Frame::data(chunk))))
        }
    }

    fn compressed(compressor: Compressor, chunks: VecDeque<Bytes>) -> Vec<Bytes> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let mut body = compressor.compresses(Chunks(chunks, false));
            let mut out = Vec::new();
            while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await
            {
                let frame = frame.expect("nothing breaks off");
                out.push(frame.into_data().expect("data"));
            }
            out
        })
    }

    /// What of the body can be made again of `pieces`, even if they are not all of them.
    fn read(coding: Coding, pieces: &[Bytes]) -> Vec<u8> {
        let bytes = pieces.concat();
        let mut out = Vec::new();
        let mut reader: Box<dyn Read + '_> = match coding {
            Coding::Gzip => Box::new(flate2::read::GzDecoder::new(&bytes[..])),
            Coding::Brotli => Box::new(brotli::Decompressor::new(&bytes[..], 4096)),
        };
        let mut buffer = [0; 4096];
        while let Ok(count) = reader.read(&mut buffer)
            && count > 0
        {
            out.extend_from_slice(&buffer[..count]);
        }
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn whatever_its_chunks_a_body_is_the_same_again_and_each_batch_by_itself(
            is_brotli in any::<bool>(),
            told in prop_oneof![Just(None), (1_000_u64..10_000_000).prop_map(Some)],
            sizes in prop::collection::vec(prop_oneof![0_usize..10, 0_usize..3_000, 0_usize..150_000], 0..8),
            seed in any::<u64>(),
            variety in 1_u8..=255,
        ) {
            let coding = if is_brotli { Coding::Brotli } else { Coding::Gzip };
            let mut random = fastrand::Rng::with_seed(seed);
            let chunks: VecDeque<Bytes> = sizes
                .iter()
                .map(|size| (0..*size).map(|_| random.u8(..variety)).collect())
                .collect();
            let whole = chunks.iter().flatten().copied().collect::<Vec<u8>>();
            // What was told may be wrong, and nothing depends on it but speed.
            let length = told.unwrap_or(whole.len() as u64);
            let compressors = Compressors::default();
            let compressor = compressors.begin(coding, length).expect("nobody else is at work");
            let pieces = compressed(compressor, chunks);
            prop_assert_eq!(read(coding, &pieces), &whole[..]);
            prop_assert!(whole.len() < 2 * BATCH || pieces.len() > 1);
            for some in 0..pieces.len() {
                let begun = read(coding, &pieces[..some]);
                prop_assert!(whole.starts_with(&begun));
                prop_assert!(begun.len() >= some * BATCH);
            }
            prop_assert_eq!(compressors.ahead.load(Relaxed), 0);
        }
    }

    #[test]
    fn what_is_more_than_they_can_do_soon_is_left_and_what_is_dropped_makes_room() {
        let compressors = Compressors::default();
        let mut under_way = Vec::new();
        while let Some(compressor) = compressors.begin(Coding::Brotli, 10_000_000) {
            under_way.push(compressor);
        }
        let threads = compressors.threads.get().expect("begun").count;
        assert_eq!(under_way.len() as u64, threads * AHEAD / 16_000_000);
        assert!(compressors.begin(Coding::Brotli, 10_000_000).is_none());
        let pages = (0..100).map_while(|_| compressors.begin(Coding::Gzip, 10_000));
        assert_eq!(pages.count(), 100, "there is room for what is small");
        under_way.pop();
        assert!(compressors.begin(Coding::Brotli, 10_000_000).is_some());
    }

    #[test]
    fn a_window_holds_the_body_as_far_as_it_may() {
        for (length, window) in [
            (1_000, 16),
            (65_535, 16),
            (65_536, 17),
            (100_000, 17),
            (10_000_000, 19),
        ] {
            assert_eq!(brotli_window(length), window, "{length}");
        }
    }

    #[test]
    fn who_was_promised_a_body_hears_that_nobody_compresses_it() {
        let (jobs, queue) = mpsc::channel();
        drop(queue);
        let compressor = Compressor {
            coding: Coding::Gzip,
            length: 5,
            jobs,
            _under_way: UnderWay {
                takes: 0,
                ahead: Arc::default(),
            },
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        runtime.expect("a runtime").block_on(async {
            let mut body = compressor.compresses(Chunks([Bytes::from("hello")].into(), false));
            let frame = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await;
            assert!(matches!(frame, Some(Err(CompressError::Encoder))));
        });
    }
}
