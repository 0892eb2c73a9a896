//! A segment: a run of slots in one allocation, the link to the next, and the words that decide when it may go.
//!
//! Knows slots and memory. Does not know where head and tail are, nor about closing.
//!
//! ```text
//! +----------------------+--------------+-------------+--------------+--------------------------+
//! | next pins base means | getter x LEN | state x LEN | putter x LEN | value x LEN              |
//! +----------------------+--------------+-------------+--------------+--------------------------+
//! ```
//!
//! GetterKind write their bytes, putters write states, values and their bytes: areas of their own, so that neither side
//! takes the lines of the other more often than the hand-over itself asks for. GetterKind read a putter's byte only when
//! they have lost patience.

use super::cursor::{fits, Cursor, SEGMENT_ALIGN};
use super::fence::Handshake;
use super::slot::{Slot, DONE, EMPTY, OPEN};
use crate::sync::{set_alone, AtomicI64, AtomicU8, AtomicUsize, Ordering, UnsafeCell};
use std::alloc::{alloc, dealloc, handle_alloc_error, Layout};
use std::marker::PhantomData;
use std::mem::{align_of, size_of, MaybeUninit};
use std::ptr::NonNull;

/// What an end adds to `pins` when it leaves a segment, beside the number of helper tickets it had handed out.
const LEFT: i64 = 1 << 32;

/// The header. It stands first in the allocation; the arrays follow at the offsets that `Segment` computes.
pub(crate) struct Header {
    /// 0, the address of the next segment, or [`SEALED`].
    pub(crate) next: AtomicUsize,
    /// Invariant: `LEFT` for each end that has left, plus helper tickets handed out by those ends, minus helper
    /// tickets returned. It is `2 * LEFT` if and only if both ends have left and nobody is inside by a helper ticket.
    pins: AtomicI64,
    /// The position of slot 0. Written by the owner of an unlinked segment, then constant until its re-use.
    base: UnsafeCell<u64>,
    /// How putters and getters settle who does what. Written and constant as the base is.
    handshake: UnsafeCell<Handshake>,
    /// The next segment in the list of retired ones; used by its owner only.
    pub(crate) retired: UnsafeCell<*mut Header>,
}

/// In place of a link: no segment will ever follow this one.
pub(crate) const SEALED: usize = 1;

/// A segment, by its address. Copying it copies no right to look inside; each method says what right it needs.
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

const fn round_up(offset: usize, align: usize) -> usize {
    (offset + align - 1) / align * align
}

impl<T> Segment<T> {
    /// Slots in a segment: about 4 KiB of values, at least 8 slots, at most 256. Under loom 2, and 4 for a large type, of which
    /// several fit in beside a small limit.
    pub(crate) const LEN: u64 = if cfg!(loom) {
        if size_of::<T>() < 64 {
            2
        } else {
            4
        }
    } else {
        let fitting = 4096 / max(size_of::<T>(), 1);
        (if fitting < 8 {
            8
        } else if fitting > 256 {
            256
        } else {
            fitting
        }) as u64
    };

    const BYTES: usize = Self::LEN as usize * size_of::<AtomicU8>();
    const GETTERS: usize = round_up(size_of::<Header>(), SEGMENT_ALIGN);
    const STATES: usize = Self::GETTERS + Self::BYTES;
    const PUTTERS: usize = Self::STATES + Self::BYTES;
    const VALUES: usize = round_up(Self::PUTTERS + Self::BYTES, align_of::<UnsafeCell<MaybeUninit<T>>>());
    /// `None` for a type so large that eight of them do not fit into the address space.
    const LAYOUT: Option<Layout> = {
        match size_of::<UnsafeCell<MaybeUninit<T>>>().checked_mul(Self::LEN as usize) {
            Some(values) if values < isize::MAX as usize - Self::VALUES => {
                let align = max(SEGMENT_ALIGN, align_of::<UnsafeCell<MaybeUninit<T>>>());
                match Layout::from_size_align(Self::VALUES + values, align) {
                    Ok(layout) => Some(layout),
                    Err(_) => None,
                }
            }
            _ => None,
        }
    };

    /// Bytes of the heap that one segment takes.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn bytes() -> usize {
        Self::layout().size()
    }

    fn layout() -> Layout {
        Self::LAYOUT.expect("the type is too large for a queue: eight of its values exceed the address space")
    }

    /// A fresh segment that nobody else knows, made in place on the heap.
    pub(crate) fn allocate(base: u64) -> Self {
        #[cfg(all(test, not(loom)))]
        super::hooks::allocation();
        let layout = Self::layout();
        // SAFETY: the layout is not empty, as it has a header.
        let memory = unsafe { alloc(layout) };
        let Some(header) = NonNull::new(memory.cast::<Header>()) else { handle_alloc_error(layout) };
        #[cfg(any(test, loom))]
        live::count(1);
        if !fits(memory as usize) {
            // SAFETY: it was allocated with this layout just now.
            unsafe { dealloc(memory, layout) };
            panic!("a segment's address does not fit into 48 bits");
        }
        let segment = Segment { header, slots: PhantomData };
        // SAFETY: the memory is ours, and large and aligned enough by its layout.
        unsafe {
            header.as_ptr().write(Header {
                next: AtomicUsize::new(0),
                pins: AtomicI64::new(0),
                base: UnsafeCell::new(base),
                handshake: UnsafeCell::new(Handshake::for_segment(Self::LEN)),
                retired: UnsafeCell::new(std::ptr::null_mut()),
            });
            for index in 0..Self::LEN {
                let slot = segment.slot(index);
                slot.getter.cast_mut().write(AtomicU8::new(OPEN));
                slot.state.cast_mut().write(AtomicU8::new(EMPTY));
                slot.putter.cast_mut().write(AtomicU8::new(OPEN));
                // loom's cell has a name of its own to be told; std's is as good uninitialised.
                #[cfg(loom)]
                slot.value.cast_mut().write(UnsafeCell::new(MaybeUninit::uninit()));
            }
        }
        segment
    }

    /// Makes a used segment like a fresh one.
    ///
    /// # Safety
    /// The caller owns the segment, and there is no value in it.
    pub(crate) unsafe fn clear(self, base: u64) {
        // SAFETY: the caller owns it; what others did in it before was acquired with the ownership.
        unsafe {
            let header = self.header();
            // Ordering: Relaxed, G1. The link that makes the segment known again releases these.
            header.next.store(0, Ordering::Relaxed);
            header.pins.store(0, Ordering::Relaxed);
            header.base.with_mut(|place| *place = base);
            header.handshake.with_mut(|place| *place = Handshake::for_segment(Self::LEN));
            // Not by atomic stores, which the compiler does not gather, and so that loom tells of any access by another
            // thread that does not come before.
            (0..Self::LEN).for_each(|index| set_alone(&mut *self.slot(index).getter.cast_mut(), OPEN));
            (0..Self::LEN).for_each(|index| set_alone(&mut *self.slot(index).state.cast_mut(), EMPTY));
            (0..Self::LEN).for_each(|index| set_alone(&mut *self.slot(index).putter.cast_mut(), OPEN));
        }
    }

    /// Gives the memory back; values still in it are forgotten.
    ///
    /// # Safety
    /// The caller owns the segment.
    pub(crate) unsafe fn free(self) {
        #[cfg(any(test, loom))]
        live::count(-1);
        // SAFETY: it was allocated with this layout, and its owner lets it go.
        unsafe {
            std::ptr::drop_in_place(self.header.as_ptr());
            dealloc(self.header.as_ptr().cast(), Self::layout());
        }
    }

    /// The segment at an address taken from a cursor, a link or a list; `None` for 0.
    pub(crate) fn at(address: usize) -> Option<Self> {
        debug_assert_ne!(address, SEALED);
        let header = NonNull::new(address as *mut Header)?;
        Some(Segment { header, slots: PhantomData })
    }

    /// The segment of a cursor.
    ///
    /// # Safety
    /// It is not the root's.
    #[inline]
    pub(crate) unsafe fn behind(cursor: Cursor) -> Self {
        debug_assert_ne!(cursor.address(), 0);
        // SAFETY: only the root's address is 0.
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

    /// The address as links and cursors have it.
    pub(crate) fn address(self) -> usize {
        self.header.as_ptr() as usize
    }

    /// # Safety
    /// The caller pins the segment (by an unused ticket, or as the only getter while the head is in it) for as long as the reference is used, or owns it.
    pub(crate) unsafe fn header<'a>(self) -> &'a Header {
        // SAFETY: a pinned segment is allocated and its header initialised.
        unsafe { self.header.as_ref() }
    }

    /// The position of slot 0.
    ///
    /// # Safety
    /// As for [`Segment::header`].
    pub(crate) unsafe fn base(self) -> u64 {
        // SAFETY: as demanded; nobody writes the base of a segment that is linked.
        unsafe { self.header().base.with(|place| *place) }
    }

    /// By what means putters and getters settle who does what.
    ///
    /// # Safety
    /// As for [`Segment::header`].
    #[inline]
    pub(crate) unsafe fn handshake(self) -> Handshake {
        // SAFETY: as demanded; nobody writes the means of a segment that is linked.
        unsafe { self.header().handshake.with(|place| *place) }
    }

    /// The addresses of the parts of slot `index`; only a pinned segment may be looked at through them.
    pub(crate) fn slot(self, index: u64) -> Slot<T> {
        debug_assert!(index < Self::LEN);
        let start = self.header.as_ptr().cast::<u8>().cast_const();
        // The allocation is as long as the layout says, so each offset is inside of it.
        let byte = |area| start.wrapping_add(area).cast::<AtomicU8>().wrapping_add(index as usize);
        Slot {
            getter: byte(Self::GETTERS),
            state: byte(Self::STATES),
            putter: byte(Self::PUTTERS),
            value: start.wrapping_add(Self::VALUES).cast::<UnsafeCell<MaybeUninit<T>>>().wrapping_add(index as usize),
        }
    }

    /// An end has left, by the swing of its word; it had handed out `helpers` helper tickets.
    ///
    /// # Safety
    /// The caller won the swing and still pins the segment.
    pub(crate) unsafe fn leave(self, helpers: u64) {
        // SAFETY: pinned.
        // Ordering: AcqRel, G2. Pairs with the look at the pins (G4): all that this end did comes before a re-use.
        unsafe { self.header().pins.fetch_add(LEFT + helpers as i64, Ordering::AcqRel) };
    }

    /// Returns `count` helper tickets. The last access by them.
    ///
    /// # Safety
    /// The caller has them.
    pub(crate) unsafe fn release(self, count: u64) {
        // SAFETY: pinned until this subtraction is seen.
        // Ordering: AcqRel, G2. As in `leave`.
        unsafe { self.header().pins.fetch_sub(count as i64, Ordering::AcqRel) };
    }

    /// Whether nobody but the caller can be inside any more.
    ///
    /// # Safety
    /// The caller has the right to reclaim the segment: it won the swing of the head, or got the list of retired ones.
    pub(crate) unsafe fn is_done(self) -> bool {
        // SAFETY: it is not freed but by the one who has the right to reclaim it.
        unsafe {
            // Ordering: Acquire, G4. Pairs with what is added to and taken from the pins (G2).
            if self.header().pins.load(Ordering::Acquire) != 2 * LEFT {
                return false;
            }
            // Ordering: Acquire, G5. Pairs with the marks (S3, S7).
            let mark = |byte: *const AtomicU8| (*byte).load(Ordering::Acquire);
            // To look at all of them, whatever the first ones say, is quicker than to ask after each whether to go on.
            let marks = |index| mark(self.slot(index).getter) & mark(self.slot(index).putter);
            (0..Self::LEN).fold(DONE, |all, index| all & marks(index)) == DONE
        }
    }
}

/// For tests and models: how many segments this thread has allocated and not freed. (All threads of a model are one.)
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
