//! Named points between two steps of an operation of the core, where a model stops a thread.
//!
//! Knows names. Does not know what is between the points. A point is an instruction at which the operation has changed
//! something that other threads see, or has read something that they may change, and has not finished. Outside of unit
//! tests and models it is no code at all.
//!
//! Each point needs a model in which a thread is stopped there while other threads finish their operations:
//! `loom-tests/stops.rs` has the table.

/// The calling thread passes the point of this name.
macro_rules! point {
    ($name:ident) => {
        #[cfg(any(test, loom))]
        $crate::raw::points::pass($crate::raw::points::Point::$name);
    };
}
pub(super) use point;

#[cfg(any(test, loom))]
pub(super) use named::pass;
#[cfg(any(test, loom))]
pub use named::Point;

#[cfg(any(test, loom))]
mod named {
    macro_rules! points {
        ($($(#[$doc:meta])* $name:ident,)*) => {
            /// A point between two steps of an operation, by what its thread has done last, or is about to do.
            #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
            pub enum Point {
                $($(#[$doc])* $name,)*
            }

            impl Point {
                /// All points.
                pub const ALL: &'static [Point] = &[$(Point::$name,)*];
            }
        };
    }

    points! {
        /// A push has checked the bound and has claimed nothing.
        PushChecked,
        /// A push before the claim limit has its claim and has not read the claim limit again.
        ClaimedBeforeLimit,
        /// A thread has a claim and is about to set the claim limit of that end.
        ClaimLimitUnset,
        /// A producer has claimed its slot and has written nothing.
        PushClaimed,
        /// A producer has written its value and has not published it.
        ValueWritten,
        /// A producer has published its value and has not read its byte.
        ValuePublished,
        /// A producer has found its slot not contested and has not set its done flag.
        ByteRead,
        /// A producer has found its slot contested.
        ContestSeen,
        /// A producer has found its slot poisoned and has not taken its value back.
        PoisonSeen,
        /// A thread has left a hole and has not counted it.
        HoleUncounted,
        /// A thread has counted a hole and has not claimed another slot.
        HoleCounted,
        /// A producer without a value has a claim whose hole is not in the list of holes ahead.
        HoleUnlisted,
        /// The hole is in the list, and the slot's state says nothing yet.
        HoleListed,
        /// The slot's state says hole, and the producer has not set its done flag.
        HoleStored,
        /// All holes of a claim are left, and the RMW fence for waiting pushes follows.
        HolesLeft,

        /// A thread has a helper ticket of an end.
        HelperClaimed,
        /// An appender has a segment, with its value in it, and has not linked it.
        SegmentUnlinked,
        /// An appender has linked its segment. No thread has moved the tail.
        SegmentLinked,
        /// An appender has lost the race for the link and still owns its segment.
        LinkLost,
        /// A push has found the link sealed and has not set the closed bit.
        SealFound,
        /// A thread has read the next segment of an end and has not raised the base.
        NextRead,
        /// A thread has raised the base and has not moved the word.
        BaseRaised,
        /// A thread has taken the claim limit back and has not moved the word.
        ClaimLimitCleared,
        /// A thread has moved the word, and has not added to the pins of the segment that the end has left.
        EndSwung,
        /// The pins say that the end has left.
        EndLeft,
        /// A thread is about to release its helper ticket.
        HelperUnreleased,

        /// A close has read the word and has not set the closed bit.
        CloseChecked,
        /// A close has sealed the link and has not set the closed bit.
        LinkSealed,

        /// A pop has found that the tail is ahead and has claimed nothing.
        PopChecked,
        /// A consumer has claimed its slot and has not read the slot's state.
        PopClaimed,
        /// A consumer has claimed the last slot of a segment and has not moved the head to the next one.
        LastSlotClaimed,
        /// A consumer has found its slot full and has not taken the value.
        FullFound,
        /// A consumer has taken the value and has not set its done flag.
        ValueTaken,
        /// A consumer has found its slot unpublished and has not contested it.
        EmptyFound,
        /// A consumer has contested its slot, and the heavy fence follows.
        SlotContested,
        /// A consumer has passed the heavy fence and has found its slot still empty.
        ContestFenced,
        /// A consumer has poisoned its slot.
        SlotPoisoned,
        /// A consumer has found a hole, or made one, and has not set its done flag.
        HoleFound,

        /// A thread has moved the head out of a segment and has not retired the segment.
        SegmentUnretired,
        /// A thread has taken the list of spares.
        SparesTaken,
        /// A thread owns a segment that becomes a spare, and that is in no list.
        SpareUnlisted,
        /// A thread has taken the list of retired segments.
        RetiredTaken,
        /// A thread owns a segment that other threads may still use, and that is in no list.
        RetiredUnlisted,

        /// The single consumer has taken a value and has not advanced the head.
        SingleTaken,
        /// The single consumer has advanced the head and has not taken the value.
        SingleAdvanced,
        /// The single consumer has ended and has not opened the head to other consumers.
        SingleEnded,

        /// A thread has made the content of a lazy box and has not stored its address.
        BoxMade,
        /// A thread holds the cell of a handoff and has not accessed the value.
        CellHeld,
        /// A thread holds the cell of a handoff and has accessed the value.
        CellAccessed,
    }

    #[cfg(not(loom))]
    pub(in crate::raw) fn pass(point: Point) {
        crate::raw::hooks::at(point);
    }

    #[cfg(loom)]
    pub(in crate::raw) fn pass(point: Point) {
        super::model::pass(point);
    }
}

/// For models: a function that each thread runs at each point.
#[cfg(loom)]
pub(super) mod model {
    use super::Point;
    use std::cell::RefCell;
    use std::rc::Rc;

    type Visit = Rc<dyn Fn(Point)>;

    thread_local! {
        static VISIT: RefCell<Option<Visit>> = const { RefCell::new(None) };
    }

    /// From now on each thread calls `visit` at each point that it passes. (In a model all threads run in one
    /// thread.) `None` ends that.
    pub fn visit_points(visit: Option<Visit>) {
        let _former = VISIT.with(|current| current.replace(visit));
    }

    pub(super) fn pass(point: Point) {
        // The thread may be stopped in `visit`, so nothing is borrowed there.
        let visit = VISIT.with(|visit| visit.borrow().clone());
        if let Some(visit) = visit {
            visit(point);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::Point;
    use std::path::Path;

    /// Each point is passed somewhere in the core, and has a row in the table of the models, if that is there: a
    /// package leaves it out.
    #[test]
    fn each_point_has_a_place_and_a_model() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let core = std::fs::read_dir(root.join("src/raw")).unwrap();
        let core: String = core.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect();
        let models = std::fs::read_to_string(root.join("loom-tests/stops.rs")).ok();
        for point in Point::ALL {
            assert!(core.contains(&format!("point!({point:?})")), "{point:?} has no place in the core");
            let name = format!("{point:?}");
            let has_row =
                |models: &String| models.split(|letter: char| !letter.is_alphanumeric()).any(|word| word == name);
            assert!(models.as_ref().map_or(true, has_row), "{point:?} has no model");
        }
    }
}
