//! Reads and decodes the files of a landing table on all cores, in order.
//!
//! A plain file is split at newlines into segments that are decoded in parallel.
//! Each segment's decoder guesses that no object is open where the segment begins.
//! Results are taken in order. If the segment before ended as the next one guessed,
//! the next one's result counts; otherwise that segment is decoded again from the
//! known state. So no input can fool the split, and well-formed lines cost nothing
//! extra. A packed file is unpacked and decoded by one thread. What a file holds is
//! told by its first bytes: see [`Container`].

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use arrow::array::RecordBatch;
use bytes::Bytes;
use datafusion::common::runtime::SpawnedTask;
use datafusion::error::Result;
use lake::{BufferPool, ObjectReader};
use landing::{Carry, Condenser, Container, Decoded, Decoder, HEAD_BYTES, Rejected, Spec, Tally};
use tokio::sync::{OnceCell, mpsc};

use super::content::{ContentHash, PIECE_BYTES};
use super::file_columns::Layout;
use super::roll::Roll;
use super::unpack::{Packed, joined, unreadable};
use super::{FileIntake, Intake, Source, SourceFile, Whose};
use crate::error::external;

/// Bytes of a segment. Large enough to make the cost of a task negligible, small
/// enough that the segments in flight fit the processor's caches.
const SEGMENT_BYTES: u64 = PIECE_BYTES;

/// How far behind its end a segment looks for a newline to end at. Lines are far
/// shorter; after a longer one, the next segment's guess is wrong and corrected.
const LOOK_AHEAD: u64 = 64 << 10;

/// Batches of one decoded segment, or the error that ends the reading.
pub(super) type Delivery = Result<Vec<RecordBatch>>;

/// What to read, and where to account for it.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub source: Arc<Source>,
    pub decoder: Decoder,
    /// Where the columns come from; `None` if the decoder builds all of them.
    pub layout: Option<Arc<Layout>>,
    /// The column whose people or devices are noted for each file, if any.
    pub whose: Option<Whose>,
    pub intake: Arc<Intake>,
    /// Limit on segments in flight.
    pub at_once: usize,
    /// Buffers for segments.
    pub buffers: Arc<BufferPool>,
    /// Rows output so far, and rows skipped for a join.
    pub rows: Arc<AtomicU64>,
    pub passed_over: Arc<AtomicU64>,
}

/// Starts reading; sends batches to `sink` in the order of the files. Stops early
/// when the receiver is dropped.
pub(super) fn begin(order: Order, sink: mpsc::Sender<Delivery>) -> SpawnedTask<()> {
    SpawnedTask::spawn(async move {
        if let Err(error) = read_all(&order, &sink).await {
            // A dropped receiver means that the query has ended.
            let _ = sink.send(Err(error)).await;
        }
    })
}

/// Work in flight on one stretch of a file.
enum Work {
    Segment {
        /// `None` if the file is a packed one, which has no segments.
        task: SpawnedTask<Result<Option<Segment>>>,
        last: bool,
    },
    Packed(Packed),
}

/// A file that is being read, shared by the tasks of its segments.
struct Begun {
    decoder: Decoder,
    roll: Option<Arc<Roll>>,
    object: OnceCell<ObjectReader>,
    /// Guesses have failed in this file: it is a single line, or its records span
    /// lines.
    hopeless: AtomicBool,
    /// The file's first bytes, which tell what it holds, and whether it is one JSON
    /// array.
    head: OnceCell<Bytes>,
}

impl Begun {
    fn new(order: &Order) -> Self {
        let spec = order.decoder.spec();
        let roll = order
            .whose
            .and_then(|whose| Roll::beside(whose, spec.keep.as_ref()));
        Self {
            decoder: match &roll {
                Some(roll) => Decoder::new(Spec {
                    keep: Some(roll.keep()),
                    ..spec.clone()
                }),
                None => order.decoder.clone(),
            },
            roll,
            object: OnceCell::new(),
            hopeless: AtomicBool::new(false),
            head: OnceCell::new(),
        }
    }

    async fn object(&self, order: &Order, file: &SourceFile) -> Result<&ObjectReader> {
        let location = &order.source.location;
        let open = || async {
            let object = location.open(&file.path, &order.buffers)?;
            Ok::<_, String>(object.with_etag(file.tag.on_store()))
        };
        let object = self.object.get_or_try_init(open).await;
        object.map_err(|reason| unreadable(file, &reason))
    }

    /// The file's first bytes.
    async fn head(&self, object: &ObjectReader, file: &SourceFile) -> Result<&Bytes> {
        let read = || object.read(0..(HEAD_BYTES as u64).min(file.bytes));
        let head = self.head.get_or_try_init(read).await;
        head.map_err(|reason| unreadable(file, &reason))
    }
}

struct Segment {
    /// Hash of the segment's piece of the file, see [`ContentHash`].
    hash: u64,
    bytes: Bytes,
    assumed: Carry,
    /// `None` where guesses have failed in this file.
    decoded: Option<Decoded>,
}

async fn read_all(order: &Order, sink: &mpsc::Sender<Delivery>) -> Result<()> {
    let mut stretches = order
        .source
        .files
        .iter()
        .enumerate()
        .flat_map(|(index, file)| {
            let begun = Arc::new(Begun::new(order));
            ranges(file).map(move |range| (index, range, Arc::clone(&begun)))
        });
    let mut underway: VecDeque<(usize, Work, Arc<Begun>)> = VecDeque::new();
    let mut account = Account::begin(order);
    // The file that turned out to be packed, of which segments may still be due.
    let mut packed_until = None;
    loop {
        while underway.len() < order.at_once {
            let Some((index, range, begun)) = stretches.next() else {
                break;
            };
            if packed_until == Some(index) {
                continue;
            }
            let file = &order.source.files[index];
            underway.push_back((index, start(order, file, range, &begun), begun));
        }
        let Some((index, work, begun)) = underway.pop_front() else {
            return Ok(());
        };
        let file = &order.source.files[index];
        let packed = match work {
            Work::Segment { task, last } => match task.await.map_err(joined)?? {
                Some(segment) => {
                    account.hash.add(segment.hash);
                    let decoded = settle(&account.carry, segment, &begun).await?;
                    let carry = decoded.carry.clone();
                    if !account.deliver(order, file, decoded, false, sink).await? {
                        return Ok(());
                    }
                    if !last {
                        continue;
                    }
                    let end = begun.decoder.finish(carry);
                    if !account.deliver(order, file, end, true, sink).await? {
                        return Ok(());
                    }
                    None
                }
                None => {
                    underway.retain(|(other, ..)| *other != index);
                    packed_until = Some(index);
                    Some(start_packed(order, file, &begun))
                }
            },
            Work::Packed(packed) => Some(packed),
        };
        let mut hash = None;
        if let Some(mut packed) = packed {
            while let Some(piece) = packed.pieces.recv().await {
                let (piece, at_end) = piece?;
                if !account.deliver(order, file, piece, at_end, sink).await? {
                    return Ok(());
                }
            }
            hash = Some(packed.hash);
        }
        account.close(order, file, &begun, hash).await?;
        account = Account::begin(order);
    }
}

/// The account of the file whose results are being taken in order.
struct Account {
    carry: Carry,
    tally: Tally,
    hash: ContentHash,
    rejected: Condenser,
    /// Quarantine entries so far.
    entries: u64,
    /// Whether this reading of the file is the first to reach the end.
    is_first: bool,
}

impl Account {
    fn begin(order: &Order) -> Self {
        Self {
            carry: Carry::start(),
            tally: Tally::default(),
            hash: ContentHash::default(),
            rejected: order.decoder.condenser(),
            entries: 0,
            is_first: false,
        }
    }

    /// Closes the file's account: every byte and every object must be in it.
    /// `packed` is the hash of a packed file.
    async fn close(
        mut self,
        order: &Order,
        file: &SourceFile,
        begun: &Begun,
        packed: Option<Arc<OnceLock<u64>>>,
    ) -> Result<()> {
        let Tally {
            rows,
            filtered,
            rejected_objects,
            objects,
            ..
        } = self.tally;
        let bytes = match packed {
            None => file.bytes,
            // The unpacked size is known only from reading the file.
            Some(_) => self.carry.offset(),
        };
        if self.tally.bytes() != bytes || objects != rows + filtered + rejected_objects {
            return Err(unreadable(
                file,
                &format!(
                    "{} of its {bytes} bytes and {} of its {objects} objects are accounted for, which is a fault in this program",
                    self.tally.bytes(),
                    rows + filtered + rejected_objects,
                ),
            ));
        }
        let rejected = std::mem::take(&mut self.rejected).finish();
        self.reject(order, file, rejected).await?;
        if self.is_first {
            let read = FileIntake {
                name: file.name.clone(),
                bytes: file.bytes,
                tag: file.tag.noted(match &packed {
                    Some(packed) => packed.get().copied(),
                    None => Some(self.hash.finish()),
                }),
                tally: self.tally,
                who: begun.roll.as_ref().map(|roll| roll.names()),
            };
            let table = &order.source.table;
            order.intake.file_done(table, read, &file.shown);
        }
        Ok(())
    }

    /// Records the next quarantine entries of the file.
    async fn reject(
        &mut self,
        order: &Order,
        file: &SourceFile,
        rejected: Vec<Rejected>,
    ) -> Result<()> {
        if rejected.is_empty() {
            return Ok(());
        }
        let first = self.entries;
        self.entries += rejected.len() as u64;
        let table = &order.source.table;
        let booked = order.intake.reject(table, file, first, rejected).await;
        booked.map_err(external)
    }

    /// Accounts for decoded input and sends its batches. Returns false if the receiver
    /// was dropped.
    async fn deliver(
        &mut self,
        order: &Order,
        file: &SourceFile,
        decoded: Decoded,
        at_end: bool,
        sink: &mpsc::Sender<Delivery>,
    ) -> Result<bool> {
        let Decoded {
            batches,
            rejected,
            tally,
            carry,
        } = decoded;
        rejected.into_iter().for_each(|r| self.rejected.push(r));
        let complete = self.rejected.take();
        self.reject(order, file, complete).await?;
        order.rows.fetch_add(tally.rows, Ordering::Relaxed);
        order
            .passed_over
            .fetch_add(tally.filtered, Ordering::Relaxed);
        let (table, name) = (&order.source.table, &file.name);
        let is_new = order
            .intake
            .add(table, name, &tally, carry.offset(), at_end);
        self.is_first |= is_new && at_end;
        self.tally.add(&tally);
        self.carry = carry;
        let batches = match &order.layout {
            Some(layout) => {
                let batches = batches.iter().map(|batch| layout.complete(batch, file));
                batches.collect::<Result<Vec<_>>>()?
            }
            None => batches,
        };
        Ok(batches.is_empty() || sink.send(Ok(batches)).await.is_ok())
    }
}

/// A byte range of a plain file.
struct Range {
    start: u64,
    last: bool,
}

/// The segments of a file; one `None` for a file that is packed by its name.
fn ranges(file: &SourceFile) -> impl Iterator<Item = Option<Range>> + use<> {
    let is_plain = Container::of_name(&file.name).is_none();
    let count = match is_plain {
        true => file.bytes.div_ceil(SEGMENT_BYTES).max(1),
        false => 1,
    };
    (0..count).map(move |index| {
        is_plain.then_some(Range {
            start: index * SEGMENT_BYTES,
            last: index + 1 == count,
        })
    })
}

fn start(order: &Order, file: &SourceFile, range: Option<Range>, begun: &Arc<Begun>) -> Work {
    let Some(Range { start, last }) = range else {
        return Work::Packed(start_packed(order, file, begun));
    };
    let order = order.clone();
    let file = file.clone();
    let begun = Arc::clone(begun);
    // Less than a millisecond of work, so it runs on the threads that drive the
    // streams: waking blocking threads took a tenth of a run. The bytes are decoded
    // while they are still in the processor's cache.
    let task = SpawnedTask::spawn(async move {
        let object = begun.object(&order, &file).await?;
        let is_packed = |head: &[u8]| Container::of(&file.name, head) != Container::Json;
        let mut assumed = None;
        if start > 0 {
            let head = begun.head(object, &file).await?;
            if is_packed(head) {
                return Ok(None);
            }
            assumed = Some(head);
        }
        let (offset, bytes, hash) = segment(object, &file, start).await?;
        if start == 0 && is_packed(&bytes[..bytes.len().min(HEAD_BYTES)]) {
            return Ok(None);
        }
        let assumed = match assumed {
            Some(head) => Carry::guessed(head, offset),
            None => Carry::start(),
        };
        let hopeless = begun.hopeless.load(Ordering::Relaxed) && offset > 0;
        let decoded = (!hopeless).then(|| begun.decoder.decode(bytes.clone(), assumed.clone()));
        Ok(Some(Segment {
            hash,
            bytes,
            assumed,
            decoded,
        }))
    });
    Work::Segment { task, last }
}

fn start_packed(order: &Order, file: &SourceFile, begun: &Begun) -> Packed {
    Packed::start(&order.source, file, &begun.decoder, &order.buffers)
}

/// Reads a segment: its offset, its bytes and a hash. The bytes reach from the
/// newline at or behind `start` to the newline at or behind the next segment's
/// start. The hash covers the bytes from `start` to the next segment's start,
/// wherever lines end.
async fn segment(
    object: &ObjectReader,
    file: &SourceFile,
    start: u64,
) -> Result<(u64, Bytes, u64)> {
    if file.bytes == 0 {
        return Ok((0, Bytes::new(), ContentHash::piece(&[])));
    }
    let end = (start + SEGMENT_BYTES).min(file.bytes);
    let beyond = (end + LOOK_AHEAD).min(file.bytes);
    let bytes = object
        .read(start..beyond)
        .await
        .map_err(|reason| unreadable(file, &reason))?;
    if bytes.len() as u64 != beyond - start {
        return Err(unreadable(file, "it was truncated while being read"));
    }
    let cut = |at: u64| -> usize {
        let at = (at - start) as usize;
        let window = &bytes[at..bytes.len().min(at + LOOK_AHEAD as usize)];
        at + landing::boundary(window, 0).unwrap_or(0)
    };
    let from = if start == 0 { 0 } else { cut(start) };
    let to = if end == file.bytes {
        bytes.len()
    } else {
        cut(end)
    };
    // A line longer than the segment belongs to the next segment.
    let to = to.max(from);
    let hash = ContentHash::piece(&bytes[..(end - start) as usize]);
    Ok((start + from as u64, bytes.slice(from..to), hash))
}

/// The segment's result if its guess was right; otherwise decodes it again.
async fn settle(carry: &Carry, segment: Segment, begun: &Begun) -> Result<Decoded> {
    let Segment {
        bytes,
        assumed,
        decoded,
        ..
    } = segment;
    if let Some(mut decoded) = decoded
        && carry.agrees_with(&assumed)
    {
        decoded.follow(carry);
        return Ok(decoded);
    }
    begun.hopeless.store(true, Ordering::Relaxed);
    let decoder = begun.decoder.clone();
    let carry = carry.clone();
    SpawnedTask::spawn_blocking(move || decoder.decode(bytes, carry))
        .await
        .map_err(joined)
}
