//! A segment: an array of slots in one allocation, the link to the next segment, and the words that decide
//! when the segment may be freed or reused.
//!
//! Knows slots and memory. Does not know the positions of head and tail, nor when a queue is closed.
//!
//! ```text
//! +---------------------------------------------------+----------+----------+----------+----------+
//! | next pins base start handshake listed kept_spares | consumer |  state   | producer |  value   |
//! |                                                   |  x slots |  x slots |  x slots |  x slots |
//! +---------------------------------------------------+----------+----------+----------+----------+
//! ```
//!
//! Consumers write the consumer bytes; producers write states, values and producer bytes. Each kind of byte
//! has an area of its own, so that neither side takes the cache lines of the other more often than a value
//! that passes requires. A consumer reads a producer's byte only when it has waited longer than its spin limit.

use super::cursor::{fits, Cursor, SEGMENT_ALIGN};
use super::fence::Handshake;
use super::memory::{alloc, dealloc};
use super::slot::{pending, Slot, DONE, EMPTY, PENDING};
use super::span::Span;
use super::UNBOUNDED;
use crate::sync::{set_exclusive, AtomicI64, AtomicU8, AtomicUsize, Ordering, UnsafeCell};
use std::alloc::{handle_alloc_error, Layout};
use std::marker::PhantomData;
use std::mem::{align_of, size_of, MaybeUninit};
use std::ptr::NonNull;

/// An end that leaves a segment adds this to `pins`, plus the number of helper tickets that the end handed
/// out.
const LEFT: i64 = 1 << 32;

/// The header: the first part of the allocation. The arrays follow at the offsets that `Segment` computes.
pub(crate) struct Header {
    /// 0, the address of the next segment, or [`SEALED`].
    pub(crate) next: AtomicUsize,
    /// A reference count.
    ///
    /// Invariant: `LEFT` for each end that has left, plus the helper tickets that those ends handed out,
    /// minus the helper tickets returned. The count is `2 * LEFT` if and only if both ends have left and no
    /// helper ticket is outstanding.
    pins: AtomicI64,
    /// The position of slot 0, as if the segment had one: see `span.rs`. Written by the owner of an unlinked segment,
    /// then constant until the segment is reused.
    base: UnsafeCell<u64>,
    /// The index of the first slot: 0 in a long segment. Constant until the memory is freed.
    start: UnsafeCell<u64>,
    /// The handshake of the slots' producers and consumers. Written once for each use of the segment, like
    /// the base.
    handshake: UnsafeCell<Handshake>,
    /// The next segment in the list of spares or of retired segments. Accessed by the segment's owner only.
    pub(crate) listed: UnsafeCell<*mut Header>,
    /// The most spares that the queue keeps, when this segment would become one of them. Written by the appender,
    /// which knows the limit of the queue; constant until the segment is reused.
    kept_spares: UnsafeCell<u8>,
}

/// As many spares as the word of the pool can count.
pub(crate) const MOST_SPARES: usize = SEGMENT_ALIGN - 1;

/// The link of a sealed segment: no segment will ever follow it.
pub(crate) const SEALED: usize = 1;

/// A segment, by its address. A copy gives no right to access the memory; each method states which right it
/// needs.
///
/// Words and links have addresses and no pointers. [`Segment::address`] exposes the provenance of the whole
/// allocation, and [`Segment::at`] and [`Segment::of_cursor`] take it up again: so the core relies on exposed
/// provenance, and not on the strict one.
pub(crate) struct Segment<T> {
    header: NonNull<Header>,
    slots: PhantomData<*const T>,
}

impl<T> Clone for Segment<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Segment<T> {}

impl<T> PartialEq for Segment<T> {
    fn eq(&self, other: &Self) -> bool {
        self.header == other.header
    }
}

const fn max(a: usize, b: usize) -> usize {
    if a > b {
        a
    } else {
        b
    }
}

const fn min(a: usize, b: usize) -> usize {
    if a < b {
        a
    } else {
        b
    }
}

const fn round_up(offset: usize, align: usize) -> usize {
    (offset + align - 1) / align * align
}

impl<T> Segment<T> {
    /// Slots in a segment: 256, but no more than about 16 KiB of values; 32 of them may have 32 KiB. At least 8.
    /// Under loom there are 2 slots, or 4 for a large type, which serves models with several items and a small
    /// limit.
    pub(crate) const LEN: u64 = if cfg!(loom) {
        if size_of::<T>() < 64 {
            2
        } else {
            4
        }
    } else {
        let bytes = max(size_of::<T>(), 1);
        let many = min(16384 / bytes, 256);
        max(max(many, min(32768 / bytes, 32)), 8) as u64
    };

    /// The offset of the consumer bytes. The states and the producer bytes follow. In a long segment of 256 slots each
    /// kind has cache lines of its own; in a short one the kinds share them.
    const CONSUMERS: usize = round_up(size_of::<Header>(), 64);

    /// The values of a segment with so many slots.
    const fn values(slots: usize) -> usize {
        round_up(Self::CONSUMERS + 3 * slots * size_of::<AtomicU8>(), align_of::<UnsafeCell<MaybeUninit<T>>>())
    }

    /// The layout of a long segment. `None` for a type so large that eight values exceed the address space.
    const LAYOUT: Option<Layout> = Self::layout_of(Self::LEN as usize);

    const fn layout_of(slots: usize) -> Option<Layout> {
        match size_of::<UnsafeCell<MaybeUninit<T>>>().checked_mul(slots) {
            Some(values) if values < isize::MAX as usize - Self::values(slots) => {
                let align = max(SEGMENT_ALIGN, align_of::<UnsafeCell<MaybeUninit<T>>>());
                match Layout::from_size_align(Self::values(slots) + values, align) {
                    Ok(layout) => Some(layout),
                    Err(_) => None,
                }
            }
            _ => None,
        }
    }

    /// The size of a long segment on the heap in bytes.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn bytes() -> usize {
        Self::layout(0).size()
    }

    /// The layout of a segment that begins with this index. Under loom that of a long one, so that a long segment may
    /// be where a short one was.
    fn layout(start: u64) -> Layout {
        let layout =
            if start == 0 || cfg!(loom) { Self::LAYOUT } else { Self::layout_of((Self::LEN - start) as usize) };
        layout.expect("the item type is too large: eight values exceed the address space")
    }

    /// Allocates a segment, which is initialised in place on the heap. Only the caller knows it.
    pub(crate) fn allocate(span: Span, kept_spares: u8) -> Self {
        #[cfg(all(test, not(loom)))]
        super::hooks::allocation();
        let layout = Self::layout(span.start);
        // SAFETY: the layout has a header, so it is not empty.
        let memory = unsafe { alloc(layout) };
        let Some(header) = NonNull::new(memory.cast::<Header>()) else { handle_alloc_error(layout) };
        #[cfg(any(test, loom))]
        live::count(1);
        if !fits(memory as usize) {
            // SAFETY: the memory was just allocated with this layout.
            unsafe { dealloc(memory, layout) };
            panic!("the address of a segment exceeds 48 bits");
        }
        let segment = Segment { header, slots: PhantomData };
        let handshake = Handshake::for_segment(Self::LEN - span.start);
        // SAFETY: the caller owns the memory, whose layout gives it the size and the alignment.
        unsafe {
            header.as_ptr().write(Header {
                next: AtomicUsize::new(0),
                pins: AtomicI64::new(0),
                base: UnsafeCell::new(span.base),
                start: UnsafeCell::new(span.start),
                handshake: UnsafeCell::new(handshake),
                listed: UnsafeCell::new(std::ptr::null_mut()),
                kept_spares: UnsafeCell::new(kept_spares),
            });
            let slots = segment.slots();
            slots.for_each(|slot| slot.consumer.cast_mut().write(AtomicU8::new(PENDING)));
            slots.for_each(|slot| slot.state.cast_mut().write(AtomicU8::new(EMPTY)));
            slots.for_each(|slot| slot.producer.cast_mut().write(AtomicU8::new(pending(handshake))));
            // loom's cell has an identity and must be initialised; std's cell need not be.
            #[cfg(loom)]
            slots.for_each(|slot| slot.value.cast_mut().write(UnsafeCell::new(MaybeUninit::uninit())));
        }
        segment
    }

    /// Resets a used segment, so that it is like one just allocated.
    ///
    /// # Safety
    /// The caller owns the segment, which has no value in it. The segment is long, as the base of a short one does not
    /// follow from `base`; or it is freed next.
    pub(crate) unsafe fn clear(self, base: u64, kept_spares: u8) {
        // SAFETY: the caller owns it. The ownership was acquired, and with it what other threads did in the
        // segment.
        unsafe {
            let header = self.header();
            // Ordering: Relaxed, G1. The link that publishes the segment again releases these stores.
            header.next.store(0, Ordering::Relaxed);
            header.pins.store(0, Ordering::Relaxed);
            header.base.with_mut(|place| *place = base);
            header.kept_spares.with_mut(|place| *place = kept_spares);
            let handshake = Handshake::for_segment(Self::LEN - self.start());
            header.handshake.with_mut(|place| *place = handshake);
            let pending = pending(handshake);
            // Plain stores: the compiler merges them, which it does not do with atomic stores. And loom
            // reports any access by another thread that does not happen before them.
            let slots = self.slots();
            slots.for_each(|slot| set_exclusive(&mut *slot.consumer.cast_mut(), PENDING));
            slots.for_each(|slot| set_exclusive(&mut *slot.state.cast_mut(), EMPTY));
            slots.for_each(|slot| set_exclusive(&mut *slot.producer.cast_mut(), pending));
        }
    }

    /// Frees the memory. Values still in the segment are forgotten.
    ///
    /// # Safety
    /// The caller owns the segment, and no thread accesses it afterwards.
    pub(crate) unsafe fn free(self) {
        #[cfg(any(test, loom))]
        live::count(-1);
        // SAFETY: the memory was allocated with this layout, and its owner frees it.
        unsafe {
            let layout = Self::layout(self.start());
            std::ptr::drop_in_place(self.header.as_ptr());
            dealloc(self.header.as_ptr().cast(), layout);
        }
    }

    /// The segment at an address that comes from a cursor, a link or a list; `None` for 0.
    pub(crate) fn at(address: usize) -> Option<Self> {
        debug_assert_ne!(address, SEALED);
        let header = NonNull::new(address as *mut Header)?;
        Some(Segment { header, slots: PhantomData })
    }

    /// The segment of a cursor.
    ///
    /// # Safety
    /// The cursor is not at the sentinel segment.
    #[inline]
    pub(crate) unsafe fn of_cursor(cursor: Cursor) -> Self {
        debug_assert_ne!(cursor.address(), 0);
        // SAFETY: only the sentinel's address is 0.
        let header = unsafe { NonNull::new_unchecked(cursor.address() as *mut Header) };
        Segment { header, slots: PhantomData }
    }

    pub(crate) fn from_header(header: *mut Header) -> Option<Self> {
        let header = NonNull::new(header)?;
        Some(Segment { header, slots: PhantomData })
    }

    pub(crate) fn as_header(self) -> *mut Header {
        self.header.as_ptr()
    }

    /// The address that links and cursors hold.
    pub(crate) fn address(self) -> usize {
        self.header.as_ptr() as usize
    }

    /// # Safety
    /// For as long as the reference is used, the caller has one of these rights to the segment:
    /// - it owns the segment, or has the right to reclaim it;
    /// - it pins the segment, by an unused ticket;
    /// - it is the single consumer, and the head is in the segment;
    /// - it has moved an end out of the segment and not called [`Segment::leave`] for it: so `pins` cannot be
    ///   `2 * LEFT`.
    pub(crate) unsafe fn header<'a>(self) -> &'a Header {
        // SAFETY: with each of these rights the segment is allocated and its header initialised.
        unsafe { self.header.as_ref() }
    }

    /// The position of slot 0.
    ///
    /// # Safety
    /// As for [`Segment::header`].
    pub(crate) unsafe fn base(self) -> u64 {
        // SAFETY: as demanded; no thread writes the base of a linked segment.
        unsafe { self.header().base.with(|place| *place) }
    }

    /// The index of the first slot.
    ///
    /// # Safety
    /// As for [`Segment::header`].
    #[inline]
    unsafe fn start(self) -> u64 {
        // SAFETY: as demanded; no thread writes it after the allocation.
        unsafe { self.header().start.with(|place| *place) }
    }

    /// The positions of the segment.
    ///
    /// # Safety
    /// As for [`Segment::header`].
    pub(crate) unsafe fn span(self) -> Span {
        // SAFETY: as demanded.
        unsafe { Span { base: self.base(), start: self.start() } }
    }

    /// The handshake of the slots' producers and consumers.
    ///
    /// # Safety
    /// As for [`Segment::header`].
    #[inline]
    pub(crate) unsafe fn handshake(self) -> Handshake {
        // SAFETY: as demanded; no thread writes the handshake of a linked segment.
        unsafe { self.header().handshake.with(|place| *place) }
    }

    /// The most spares that a queue keeps, by the limit of its pushes: with a limit as many as the items of a full
    /// queue need, but no more than 256 KiB. So a burst that fills a bounded queue needs no allocator the second
    /// time.
    pub(crate) const fn kept_spares(limit: u64) -> u8 {
        const BYTES: usize = 256 << 10;
        let fitting = match Self::LAYOUT {
            Some(layout) => BYTES / layout.size(),
            None => 0,
        };
        let wanted = match limit {
            UNBOUNDED => 1,
            limit => limit / Self::LEN + 2,
        };
        let most = max(min(fitting, MOST_SPARES), 1);
        if wanted > most as u64 {
            most as u8
        } else {
            wanted as u8
        }
    }

    /// The number that was given with the base.
    ///
    /// # Safety
    /// The caller owns the segment.
    pub(crate) unsafe fn spares_to_keep(self) -> u8 {
        // SAFETY: as demanded.
        unsafe { self.header().kept_spares.with(|place| *place) }
    }

    /// The slots.
    ///
    /// # Safety
    /// As for [`Segment::header`].
    #[inline]
    pub(crate) unsafe fn slots(self) -> Slots<T> {
        // SAFETY: as demanded.
        Slots { segment: self, start: unsafe { self.start() } }
    }

    /// Slot `index`: see [`Slots::at`].
    ///
    /// # Safety
    /// As for [`Segment::header`].
    #[inline]
    pub(crate) unsafe fn slot(self, index: u64) -> Slot<T> {
        // SAFETY: as demanded.
        unsafe { self.slots() }.at(index)
    }

    /// Slot `index` of a long segment: as [`Segment::slot`], without an access to the header.
    ///
    /// # Safety
    /// As for [`Segment::header`], and the segment is not short.
    #[inline]
    pub(crate) unsafe fn long_slot(self, index: u64) -> Slot<T> {
        // SAFETY: as demanded.
        debug_assert_eq!(unsafe { self.start() }, 0, "the segment is short");
        Slots { segment: self, start: 0 }.at(index)
    }

    /// The slot at a cursor.
    ///
    /// # Safety
    /// The cursor is at a slot, hence not at the sentinel segment. As for [`Segment::header`].
    #[inline]
    pub(crate) unsafe fn slot_of_cursor(cursor: Cursor) -> Slot<T> {
        // SAFETY: as demanded. The bit of the cursor tells whether the segment is short.
        unsafe {
            let segment = Self::of_cursor(cursor);
            if cursor.is_short() {
                segment.slot(cursor.ticket())
            } else {
                segment.long_slot(cursor.ticket())
            }
        }
    }

    /// Notes that an end has left by the swing of its word, and that the end handed out `helpers` helper
    /// tickets.
    ///
    /// # Safety
    /// The caller won this swing, and calls this once for it.
    pub(crate) unsafe fn leave(self, helpers: u64) {
        // SAFETY: as demanded: until this addition is seen no thread reclaims the segment.
        // Ordering: Release, G2. Pairs with the load of the pins (G4): all that this end did comes before a
        // reuse. Each change of the pins is an RMW, so the release sequences of the others go on.
        unsafe { self.header().pins.fetch_add(LEFT + helpers as i64, Ordering::Release) };
    }

    /// Returns a helper ticket. This is the last access by it.
    ///
    /// # Safety
    /// The caller holds the ticket.
    pub(crate) unsafe fn release(self) {
        // SAFETY: pinned until this subtraction is seen.
        // Ordering: Release, G2. As in `leave`.
        unsafe { self.header().pins.fetch_sub(1, Ordering::Release) };
    }

    /// Whether no other thread can access the segment any more.
    ///
    /// # Safety
    /// The caller has the right to reclaim the segment: it won the swing of the head, or it took the list of
    /// retired segments.
    pub(crate) unsafe fn is_reclaimable(self) -> bool {
        // SAFETY: only the owner of the right to reclaim the segment frees it.
        unsafe {
            // Ordering: Acquire, G4. Pairs with the additions to and the subtractions from the pins (G2).
            if self.header().pins.load(Ordering::Acquire) != 2 * LEFT {
                return false;
            }
            // Ordering: Acquire, G5. Pairs with the stores of the done flags (S3, S7, S9).
            let flag = |byte: *const AtomicU8| (*byte).load(Ordering::Acquire);
            // Loading all flags is faster than a branch after each one.
            let mut all = DONE;
            self.slots().for_each(|slot| all &= flag(slot.consumer) & flag(slot.producer));
            all == DONE
        }
    }
}

/// The slots of a segment, by the index of the first one.
pub(crate) struct Slots<T> {
    segment: Segment<T>,
    start: u64,
}

impl<T> Slots<T> {
    /// The addresses of the parts of slot `index`. They may be accessed only while the segment is pinned or
    /// owned.
    #[inline]
    pub(crate) fn at(&self, index: u64) -> Slot<T> {
        let (slots, nth) = ((Segment::<T>::LEN - self.start) as usize, (index - self.start) as usize);
        debug_assert!(nth < slots);
        let memory = self.segment.header.as_ptr().cast::<u8>().cast_const();
        // The allocation has the size of the layout for so many slots, so each offset is within it.
        let byte =
            |kind| memory.wrapping_add(Segment::<T>::CONSUMERS).cast::<AtomicU8>().wrapping_add(kind * slots + nth);
        let values = memory.wrapping_add(Segment::<T>::values(slots)).cast::<UnsafeCell<MaybeUninit<T>>>();
        Slot { consumer: byte(0), state: byte(1), producer: byte(2), value: values.wrapping_add(nth) }
    }

    /// Visits all slots. The length of a long segment is a constant here, which makes the loop faster.
    #[inline]
    fn for_each(&self, visit: impl FnMut(Slot<T>)) {
        match self.start {
            0 => {
                (0..Segment::<T>::LEN).map(|index| Slots { segment: self.segment, start: 0 }.at(index)).for_each(visit)
            }
            start => (start..Segment::<T>::LEN).map(|index| self.at(index)).for_each(visit),
        }
    }
}

/// For tests and models: the number of segments that this thread has allocated and not freed. (In a model all
/// threads run in one thread.)
#[cfg(any(test, loom))]
pub(crate) mod live {
    use std::cell::Cell;

    thread_local! {
        static SEGMENTS: Cell<isize> = const { Cell::new(0) };
    }

    pub(super) fn count(more: isize) {
        SEGMENTS.with(|segments| segments.set(segments.get() + more));
    }

    /// See [`SEGMENTS`].
    pub fn segments() -> isize {
        SEGMENTS.with(Cell::get)
    }
}
