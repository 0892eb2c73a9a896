#!/usr/bin/env python3
"""Plants one fault at a time and reports which test fails.

    loom-tests/plant.py [NAME ...] [--list] [--search] [--limit SECONDS] [--work DIR]

Each fault of the table below is a small change of one function, in a file of src/raw or, by its path, of src, or of
such a file as a whole; a change of several places is a tuple. It is made in a copy of the tree, where the test that is
expected to fail then runs; DIR keeps the output of the run as FAULT.log. NAME is a fault, a function or a file. With
--search all tests of the core run, cheapest first, until one fails. With --list no test runs: each fault must have
exactly one place in the code. The last column is the test that failed, or `survived`. docs/verification.md has the
table of the results.

A test is named by its tier:

    lib NAME             cargo test -p joinq --lib NAME
    test FILE NAME       cargo test -p joinq --test FILE NAME
    compat FILE NAME     the same with the feature `compat`
    loom FILE NAME       cargo loom NAME, the file FILE alone
    loom-rmw FILE NAME   the same with every load of a word an RMW
    same                 no test: the behaviour is the same, for the reason that follows
"""
import argparse, os, pathlib, re, resource, shutil, subprocess, sys
from collections import namedtuple

ROOT = pathlib.Path(__file__).resolve().parent.parent
Fault = namedtuple("Fault", "name where old new breaks caught")
SEARCH = ["lib", "test memory", "test mpsc", "test queue", "test timeouts", "test item_drops", "test membarrier_denied"]
SEARCH += [f"loom-rmw {file}" for file in ("raw", "raw_bound", "raw_edges", "raw_short", "raw_pool", "raw_slot", "raw_single", "join")]
SEARCH += ["loom raw_slot", "loom raw", "loom-rmw waiting"]

FAULTS = []


def fault(name, where, old, new, breaks, caught="?"):
    FAULTS.append(Fault(name, where, old, new, breaks, caught))


# The queue.
fault("len-wraps", "mod between", "saturating_sub", "wrapping_sub", "a head ahead of the tail is a length of 2^64 - 1", "lib a_slot_poisoned_before_its_push_costs_only_that_slot")
fault("claims-from-sentinel", "mod claims", " - Self::LEN", "", "the slots of the sentinel segment count as claims", "lib a_claim_after_a_wrap_around_keeps_the_bound")
fault("holes-not-fenced", "mod fence_holes", "rmw_fence(&self.holes);", "", "a push that leaves a hole does not see a waiting join", "loom join a_hole_ends_a_join_that_registers")
fault("pushes-by-ticket", "mod fence_pushes", "head.address() != tail.address() || ", "", "a get that registers misses an item of the next segment", "loom-rmw waiting")
fault("pushes-unless-closed", "mod fence_pushes", "tail.is_closed() || ", "", "a get that registers misses the close", "loom-rmw waiting")
fault("pops-without-limit", "mod fence_pops", ".saturating_add(limit)", "", "a put that registers misses a free slot", "lib helper_tickets_do_not_count_as_items")
fault("pops-by-helper", "mod fence_pops", ".min(Self::LEN)", "", "helper tickets count as items", "lib helper_tickets_do_not_count_as_items")
fault("ends-read-once", "mod ends", "again.position == head.position", "true", "the two positions are not of one moment", "loom-rmw raw len_is_exact_while_items_pass")
fault("discard-stops", "mod drop_all", "        fn drop(&mut self) {\n            self.discard();", "        fn drop(&mut self) {", "a drop that panics leaves the other items in the queue", "test item_drops a_dropped_queue_drops_all_items_though_the_drop_of_one_panics")
fault("holes-not-reported", "mod add_holes", "events.holes += claims;", "let _ = events;", "a waiting join is not notified of a hole", "loom-rmw join a_hole_or_the_last_task_done_ends_the_join")
fault("holes-not-counted", "mod add_holes", "self.holes.fetch_add(claims,", "self.holes.fetch_add(claims - 1,", "holes count as items", "lib a_batch_that_finds_a_poisoned_slot_claims_one_slot_more")
fault("close-at-edge", "mod close", "seen.ticket() < Self::LEN", "true", "a swing of the tail clears the closed bit", "lib an_operation_that_moves_the_tail_reports_the_item_of_a_stopped_appender")
fault("close-before-bit", "mod close", "Err(SEALED) => {\n                    self.close_sealed();", "Err(SEALED) => {", "a close returns before the queue is closed", "loom-rmw raw_bound one_of_two_closes_closes_the_queue")
fault("close-not-reported", "mod close", "events.pushed += 1;", "let _ = &events;", "the item of a stopped appender is not reported", "lib an_operation_that_moves_the_tail_reports_the_item_of_a_stopped_appender")
fault("close-tries-once", "mod close_sealed", "Err(now) => seen = now", "Err(_) => return", "a close returns before the queue is closed", "loom-rmw raw_bound one_of_two_closes_closes_the_queue")
fault("drop-keeps-pool", "mod drop", "unsafe { queue.cold.pool.free_all() };", "", "a dropped queue keeps its spare", "test memory a_burst_gives_its_memory_back_when_it_is_drained")
fault("drop-with-single", "mod drop", "if self.has_single_consumer() {", "if false {", "items of a queue with a single consumer are not dropped", "lib a_dropped_queue_drops_the_items_of_its_single_consumer")
# Words.
fault("sequence-by-two", "cursor swung", "(self.sequence() + 1)", "(self.sequence() + 2)", "all segments have one base", "lib a_batch_that_finds_a_poisoned_slot_claims_one_slot_more")
fault("slot-though-closed", "cursor open_ticket", "(CLOSED | SHORT | MAX_TICKET)", "(SHORT | MAX_TICKET)", "a push succeeds in a closed queue", "lib a_closed_queue_keeps_its_items_at_every_offset_of_a_segment")
fault("opened-not", "cursor opened", " & !CLOSED", "", "a single consumer never ends", "lib other_threads_pop_after_the_single_consumer_has_ended")
fault("fits-any-bits", "cursor fits", "address % SEGMENT_ALIGN == 0 && ", "", "an address loses its low bits in the word", "lib addresses_that_do_not_fit_are_rejected")
fault("fits-any-height", "cursor fits", " && (address as u64) < 1 << 48", "", "an address loses its high bits in the word", "lib addresses_that_do_not_fit_are_rejected")
# Ends.
fault("advance-returns-from", "end advance", "Err(Cursor::from_bits(now))", "Err(from)", "a thread that lost a race tries the same again", "loom-rmw raw_bound one_of_two_closes_closes_the_queue")
fault("position-of-neighbour", "end base_of", "[cursor.parity()]", "[1 - cursor.parity()]", "the position is that of another segment", "lib no_fast_path_claims_a_slot_of_a_short_segment")
fault("snapshot-once", "end snapshot", "again == cursor", "true", "cursor and base are not of one moment", "loom-rmw raw len_is_monotonic_while_the_queue_only_grows_or_only_shrinks")
fault("snapshot-with-helpers", "end snapshot", ".min(len)", "", "helper tickets count as items", "lib a_closed_queue_keeps_its_items_at_every_offset_of_a_segment")
fault("raise-late", "end raise", "from.base_before(len),", "self.base[1 - cursor.parity()].load(Ordering::Acquire),", "a late helper lowers a base", "loom-rmw raw_edges a_segment_is_reused_only_after_a_late_helper")
fault("fence-by-load", "end rmw_fence", "crate::sync::rmw_fence(&self.word)", "self.word.load(Ordering::Acquire)", "a waiter and a change miss each other", "loom waiting a_waiting_put_is_woken_by_a_get")
# Pushes.
fault("batch-returned-to-the-back", "push push_run", "values.push_front(value)", "values.push_back(value)", "the items of a batch change their order", "lib an_operation_that_moves_the_tail_reports_the_item_of_a_stopped_appender")
fault("batch-order-after-poison", "push publish_many", "values.push_front(value)", "values.push_back(value)", "a poisoned slot changes the order of a batch", "lib a_batch_that_finds_a_poisoned_slot_claims_one_slot_more")
fault("batch-reports-one", "push publish_many", "events.pushed += kept;", "events.pushed += 1;", "one waiter is notified of a batch", "lib an_operation_that_moves_the_tail_reports_the_item_of_a_stopped_appender")
fault("batch-holes-not-counted", "push publish_many", "if holes > 0 {", "if false {", "holes count as items", "lib a_batch_that_finds_a_poisoned_slot_claims_one_slot_more")
fault("push-not-reported", "push push_into", "events.pushed += 1;", "", "a waiting get is not notified", "lib each_operation_reports_what_it_changed")
fault("push-ignores-limit", "push push", "_ => self.try_claim_push_within(limit)", "_ => self.try_claim_push_unlimited()", "more items than the limit", "lib the_bound_is_exact_at_every_offset_of_a_segment")
fault("contested-not-reported", "push push_contested", "events.pushed += 1;", "", "a waiting get is not notified", "lib a_push_whose_value_the_contesting_pop_takes_is_reported")
fault("contested-not-counted", "push push_contested", "self.add_holes(1, events);", "", "a hole counts as an item", "lib a_slot_poisoned_before_its_push_costs_only_that_slot")
fault("misplaced-without-hole", "push push_after", "self.leave_holes(claim, events)", "let _ = claim", "a slot stays empty forever", "lib a_misplaced_claim_is_used_within_the_bound_and_becomes_a_hole_beyond_it")
fault("retry-not-reported", "push publish_one", "None => events.pushed += 1", "None => {}", "a waiting get is not notified", "lib an_operation_that_moves_the_tail_reports_the_item_of_a_stopped_appender")
fault("retry-not-counted", "push publish_one", "Some(_) => self.add_holes(1, events)", "Some(_) => {}", "a hole counts as an item", "lib each_operation_reports_what_it_changed")
fault("claim-though-closed", "push claim_push", "seen.is_closed()", "false", "a push succeeds in a closed queue", "lib a_closed_queue_keeps_its_items_at_every_offset_of_a_segment")
fault("claim-beyond-limit", "push claim_push", "free = free.min(space.free);", "let _ = space.free;", "a batch exceeds the limit", "lib batches_cross_segments_and_stop_at_the_bound")
fault("edge-though-full", "push claim_push", "self.space(limit).free == 0", "false", "failed pushes use up the helper tickets", "lib pushes_rejected_at_the_end_of_a_segment_use_no_ticket")
fault("claim-not-rechecked", "push claim_push", "self.position(&claim) == position", "true || self.position(&claim) == position", "a push after a wrap-around exceeds the limit", "lib a_push_after_a_wrap_around_fails_in_a_full_queue")
fault("space-from-tail", "push space", "let Count { tail, items, .. } = self.count();", "let Count { tail, mut items, .. } = self.count();\n        items /= 2;", "more items than the limit", "lib batches_cross_segments_and_stop_at_the_bound")
fault("recheck-by-one", "push is_within_limit", "self.position(claim)) + claim.count", "self.position(claim))", "a push after a wrap-around exceeds the limit", "lib a_claim_after_a_wrap_around_keeps_the_bound")
fault("one-hole-only", "push leave_holes", "claim.index..claim.index + claim.count", "claim.index..claim.index + 1", "slots of a misplaced batch stay empty forever", "lib each_slot_of_a_misplaced_batch_is_a_hole")
fault("left-holes-not-counted", "push leave_holes", "self.add_holes(claim.count, events);", "", "a hole counts as an item", "lib a_claim_after_a_wrap_around_keeps_the_bound")
fault("append-beyond-limit", "push append", "limit != UNBOUNDED && self.items_before", "false && self.items_before", "two pushes use one free slot", "lib an_append_after_a_wrap_around_keeps_the_bound")
fault("append-loses-item", "push append", "*value = Some(unsafe { segment.slot(span.start).unfill() });", "", "a push that loses the race for a link loses its item", "loom-rmw raw_edges two_pushes_append_the_first_segment")
fault("append-keeps-segment", "push append", "unsafe { self.cold.pool.recycle(segment) };", "", "a push that loses the race for a link loses a segment", "loom-rmw raw_edges two_pushes_append_the_first_segment")
fault("append-closed-early", "push append", "self.close_sealed();", "", "a push reports a close that is not visible yet", "loom-rmw raw_bound two_appends_during_a_close_succeed_or_return_their_values")
fault("mover-reports-own", "push append", "moved || linked", "linked", "the item of a stopped appender is not reported", "lib an_operation_that_moves_the_tail_reports_the_item_of_a_stopped_appender")
fault("appender-trusts-mover", "push append", "moved || linked", "moved", "the item of an appender is not reported before its push ends", "loom-rmw raw_edges each_append_reports_its_item")
# Pops.
fault("pop-not-reported", "pop pop", "events.freed += 1;", "", "a waiting put is not notified", "lib each_operation_reports_what_it_changed")
fault("slow-pop-not-reported", "pop take_claimed", "events.freed += 1;", "", "a waiting put is not notified", "lib each_operation_reports_what_it_changed")
fault("hole-not-reported", "pop pop_slow", "let found = self.take(unpublished.claim());\n                events.freed += 1;", "let found = self.take(unpublished.claim());", "a waiting put is not notified of a hole that a pop passed", "lib each_operation_reports_what_it_changed")
fault("pop-keeps-segment", "pop take_claimed", "unsafe { self.retire(left) };", "let _ = left;", "a segment that the head has left is lost", "lib an_append_reuses_a_retired_segment_that_is_done")
fault("batch-not-reported", "pop pop_run", "events.freed += claim.count as usize;", "", "a waiting put is not notified", "lib each_operation_reports_what_it_changed")
fault("others-beside-single", "pop assert_no_single_consumer", "assert!(", "debug_assert!(true || ", "other threads pop beside a single consumer", "lib no_other_thread_pops_beside_the_single_consumer")
fault("pop-beyond-tail", "pop claim_pop", ".min(Self::LEN - index).min(available)", ".min(Self::LEN - index)", "a batch claims slots that no push has claimed", "loom-rmw raw a_batch_claims_no_more_items_than_are_available")
fault("pop-trusts-hint", "pop claim_pop", "                if now != seen {", "                if false {", "none", "same: the compare-and-swap of the claim fails if the head has moved; after a wrap-around of its word a pop may claim ahead of the tail in any case")
fault("hint-anywhere", "pop available_hint", "tail.address() == seen.address()", "true", "none", "same: where the tail has left the segment, all of its slots are claimed")
fault("hint-by-helper", "pop available_hint", ".min(Self::LEN)", "", "none", "same: the claim and its limit end with the segment")
fault("available-too-far", "pop available", "Availability::Claimed(tail.position - head.position)", "Availability::Claimed(tail.position - head.position + 1)", "a pop claims a slot that no push has claimed", "loom-rmw raw a_batch_beside_a_pop_and_a_push_claims_no_slot_ahead_of_the_tail")
fault("empty-though-closed", "pop available", "tail.cursor.is_closed()", "false", "a pop finds a closed queue empty and not closed", "lib a_closed_queue_keeps_its_items_at_every_offset_of_a_segment")
fault("head-passes-tail", "pop leave_used_up_segment", " || self.tail.cursor().address() == seen.address()", "", "the head leaves a segment before the tail", "lib the_head_stays_in_the_segment_that_the_tail_has_not_left")
fault("used-up-not-retired", "pop leave_used_up_segment", "unsafe { self.retire(Segment::at(seen.address())) };", "", "a segment that the head has left is lost", "test memory a_burst_through_threads_gives_its_memory_back")
fault("head-passes-tail-at-once", "pop leave_with_last_slot", " || self.tail.cursor().address() == segment.address()", "", "the head leaves a segment before the tail", "lib the_head_stays_in_the_segment_that_the_tail_has_not_left")
fault("leave-another", "pop leave_with_last_slot", "stays || seen.address() != segment.address()", "stays", "the head is moved to its own segment", "loom-rmw raw_edges two_pops_race_to_leave_a_segment")
fault("leave-later", "pop leave_with_last_slot", "claim.index + claim.count < Self::LEN", "true", "an empty queue keeps a used-up segment", "lib the_head_leaves_a_segment_with_its_last_item")
fault("retire-not", "pop retire", "unsafe { self.cold.pool.retire(segment) };", "let _ = segment;", "a segment that the head has left is lost", "lib a_dropped_queue_frees_all_its_segments")
# Fast paths.
fault("claim-limit-beyond", "fast try_claim_push_and_look", "head.saturating_add(limit)", "head.saturating_add(limit + 1)", "more items than the limit", "lib the_bound_is_exact_before_the_claim_limit")
fault("claim-limit-beyond-slow", "push claim_push", "index + free)", "index + free + 1)", "more items than the limit", "lib the_bound_is_exact_before_the_claim_limit")
fault("claim-limit-not-rechecked", "fast try_claim_push", "if !seen.is_before(again, Self::LEN) {", "if false {", "a push after a wrap-around exceeds the limit", "loom-rmw raw_claim_limit a_push_before_a_claim_limit_of_an_earlier_generation_keeps_the_bound")
fault("claim-limit-kept", "link swing", "end.clear_claim_limit();", "", "a push after a wrap-around exceeds the limit", "loom-rmw raw_claim_limit a_push_before_a_claim_limit_of_an_earlier_generation_keeps_the_bound")
fault("claim-limit-after-never", "end change_claim_limit", "while now != NEVER && now != to", "while now != to", "a push relies on a limit that was lowered", "loom-rmw raw_claim_limit no_push_claims_before_the_claim_limit_after_each_must_check")
fault("pop-limit-beyond", "fast try_claim_pop_and_look", "tail.ticket().min(Self::LEN - 1)", "(tail.ticket() + 1).min(Self::LEN - 1)", "a pop claims a slot that no push has claimed", "lib a_pop_claims_no_slot_ahead_of_the_tail")
fault("pop-last-slot", "fast try_claim_pop", " || after.open_ticket() >= Self::LEN", " || after.is_short()", "the head stays in a used-up segment that the tail has left", "lib the_head_leaves_a_segment_that_the_tail_leaves_during_the_last_pop")
fault("empty-not-rechecked", "fast try_claim_pop_and_look", "again == seen && self.head.cursor() == seen && self.head.base_of(seen) == base", "true", "empty, though the queue holds an item all the time", "loom-rmw words a_queue_with_an_item_is_not_reported_empty")
fault("closed-is-empty", "fast try_claim_pop_and_look", "if tail.is_closed()", "if false", "a pop finds a closed queue empty and not closed", "lib a_closed_queue_keeps_its_items_at_every_offset_of_a_segment")
fault("within-one-more", "fast head_below_limit", ">= limit", "> limit", "one item more than the limit", "lib the_bound_is_exact_at_every_offset_of_a_segment")
fault("within-not-rechecked", "fast claim_push_below", "base + index != position", "false", "a push after a wrap-around exceeds the limit", "lib a_push_after_a_wrap_around_fails_in_a_full_queue")
fault("full-of-another-generation", "fast head_below_limit", "self.tail.cursor() != seen", "false", "an empty queue is found full", "lib a_cursor_of_an_earlier_generation_does_not_make_a_queue_full")
fault("full-of-a-later-generation", "fast head_below_limit", "self.tail.position_of(seen) == position", "true", "a queue with a free slot is found full", "loom-rmw raw_bound a_later_generation_of_a_segment_does_not_make_a_push_fail")
fault("head-anywhere", "fast head_below_limit", "now.address() != seen.address()", "false", "more items than the limit", "lib the_bound_is_exact_at_every_offset_of_a_segment")
fault("ticket-though-empty", "fast if_published", "unsafe { segment.long_slot(index).is_full() }", "true", "a pop takes a value that was not published", "lib a_misplaced_claim_is_used_within_the_bound_and_becomes_a_hole_beyond_it")
fault("resolve-not", "fast resolve", "unsafe { segment.long_slot(index).resolve() }", "{\n            unsafe { segment.long_slot(index).resolve() }.map(std::mem::forget::<T>);\n            None\n        }", "the item of a poisoned slot is lost", "lib a_slot_poisoned_before_its_push_costs_only_that_slot")
# Links.
fault("helpers-overflow", "link link", "seen.ticket() == MAX_TICKET", "false", "one helper ticket too many sets bit S", "lib helper_tickets_end_before_the_bits_of_a_word")
fault("helper-not-counted", "link link", "end.advance(seen, seen.advanced(1)).ok()?;", "let _ = end;", "a segment is reused while a helper uses it", "lib an_append_reuses_a_retired_segment_that_is_done")
fault("helper-stays", "link drop", "unsafe { segment.release() };", "let _ = segment;", "a segment is never reused", "test memory a_burst_gives_its_memory_back_when_it_is_drained")
fault("next-base", "span next", "base: self.base + slots", "base: self.base", "two segments have the same positions", "lib items_are_popped_in_fifo_order_across_segments")
fault("swing-not-raised", "link swing", "end.raise(seen, span, Self::LEN);", "", "the base is that of an earlier segment", "lib a_cursor_of_an_earlier_generation_does_not_make_a_queue_full")
fault("swing-tries-once", "link swing", "Err(moved) => now = moved", "Err(_) => return false", "a push returns before its item is in the queue", "lib an_append_beside_a_helper_that_takes_a_ticket_moves_the_tail")
fault("swing-forgets-helpers", "link swing", "segment.leave(now.ticket() - Self::LEN)", "segment.leave(0)", "a segment is reused while a helper uses it, or never", "test memory a_burst_gives_its_memory_back_when_it_is_drained")
# Segments.
fault("clear-keeps-link", "segment clear", "header.next.store(0, Ordering::Relaxed);", "", "a segment has the link of its earlier generation", "lib order_and_length_match_a_model")
fault("clear-keeps-pins", "segment clear", "header.pins.store(0, Ordering::Relaxed);", "", "a segment is reused only once", "test memory a_burst_through_threads_gives_its_memory_back")
fault("clear-keeps-base", "segment clear", "header.base.with_mut(|place| *place = base);", "let _ = base;", "a segment has the positions of its earlier generation", "lib a_cursor_of_an_earlier_generation_does_not_make_a_queue_full")
fault("clear-keeps-consumers", "segment clear", "slots.for_each(|slot| set_exclusive(&mut *slot.consumer.cast_mut(), PENDING));", "", "a segment is reused while a consumer uses it", "lib a_segment_is_reused_a_second_time_only_after_its_consumer")
fault("clear-keeps-states", "segment clear", "slots.for_each(|slot| set_exclusive(&mut *slot.state.cast_mut(), EMPTY));", "", "a consumer takes the value of an earlier generation", "lib the_handshake_changes_with_the_segment")
fault("clear-keeps-producers", "segment clear", "slots.for_each(|slot| set_exclusive(&mut *slot.producer.cast_mut(), pending));", "", "the done flag of a producer is set too early", "lib a_cursor_of_an_earlier_generation_does_not_make_a_queue_full")
fault("free-not", "segment free", "dealloc(self.header.as_ptr().cast(), layout);", "let _ = layout;", "a segment is never freed", "test memory a_burst_gives_its_memory_back_when_it_is_drained")
fault("done-with-helpers", "segment is_reclaimable", "self.header().pins.load(Ordering::Acquire) != 2 * LEFT", "false", "a segment is reused while a helper uses it", "loom-rmw raw_edges a_segment_is_reused_only_after_a_late_helper")
fault("done-without-producer", "segment is_reclaimable", " & flag(slot.producer)", "", "a segment is reused while a producer uses it", "loom-rmw raw_slot a_slot_is_reused_only_after_both_owners_have_finished")
fault("done-without-consumer", "segment is_reclaimable", "flag(slot.consumer) & ", "", "a segment is reused while a consumer uses it", "lib retiring_a_segment_recycles_an_earlier_one_that_is_done")
fault("done-but-first", "segment for_each", "(0..Segment::<T>::LEN)", "(1..Segment::<T>::LEN)", "a segment is reused while a consumer uses its first slot", "loom-rmw raw_edges a_segment_is_reused_only_after_a_late_pop")
fault("done-but-last", "segment for_each", "(0..Segment::<T>::LEN)", "(0..Segment::<T>::LEN - 1)", "a segment is reused while an owner uses its last slot", "loom-rmw raw_slot a_slot_is_reused_only_after_both_owners_have_finished")
# Short segments.
fault("fast-though-short", "cursor open_ticket", "(CLOSED | SHORT | MAX_TICKET)", "(CLOSED | MAX_TICKET)", "a fast path takes a short segment for a long one", "lib items_are_popped_in_fifo_order_across_segments")
fault("single-though-short", "cursor long_ticket", "(SHORT | MAX_TICKET)", "MAX_TICKET", "the single consumer takes a short segment for a long one", "lib the_single_consumer_takes_no_item_twice_if_a_conversion_unwinds")
fault("claim-limit-though-short", "end set_claim_limit", " && !now.is_short()", "", "a fast path takes a short segment for a long one", "lib the_bound_is_exact_before_the_claim_limit")
fault("short-not-marked", "span enter", "if self.is_short()", "if false", "a fast path takes a short segment for a long one", "lib a_cursor_knows_that_its_segment_is_short")
fault("short-from-0", "span enter", "self.start + claimed", "claimed", "tickets of a short segment have no slot", "lib a_cursor_knows_that_its_segment_is_short")
fault("short-skips-positions", "span next", "base: self.base + slots", "base: self.base + len", "positions are missing", "lib segments_grow_to_the_length_of_a_long_one_and_no_position_is_missing")
fault("raised-from-long", "span base_before", "len - self.start", "len", "the base of a segment behind a short one is not raised", "lib segments_grow_to_the_length_of_a_long_one_and_no_position_is_missing")
fault("short-again", "span next_len", "slots <= len / 4", "slots <= len", "segments stay short for longer", "lib segments_grow_to_the_length_of_a_long_one_and_no_position_is_missing")
fault("short-spare", "pool acquire", "Segment::allocate(span, 0)", "Segment::allocate(span, 1)", "a short segment is reused as a long one", "test memory a_queue_past_its_short_segments_has_long_ones_alone")
fault("short-freed-as-long", "segment free", "Self::layout(self.start())", "Self::layout(0)", "memory is freed with another layout", "test memory a_drained_channel_with_few_items_is_small")
fault("short-bound-by-base", "push append", "self.items_before(span.first())", "self.items_before(span.base)", "none", "same: the check before the append holds, as the word at the edge of a short segment never has the same bits again")
fault("done-but-first-short", "segment for_each", "(start..Segment::<T>::LEN)", "(start + 1..Segment::<T>::LEN)", "a short segment is freed while a thread uses its first slot", "lib a_retired_short_segment_is_freed_when_it_is_done")
fault("done-but-last-short", "segment for_each", "(start..Segment::<T>::LEN)", "(start..Segment::<T>::LEN - 1)", "a short segment is freed while a thread uses its last slot", "lib a_retired_short_segment_is_freed_when_it_is_done")
fault("short-bytes-overlap", "segment at", "kind * slots + nth", "kind + nth", "two slots share a byte", "lib the_parts_of_a_segment_do_not_overlap")
# Slots.
fault("fill-without-flag", "slot fill", "(*self.producer).store(DONE, Ordering::Relaxed);", "", "a segment is never reused", "test memory a_burst_in_batches_gives_its_memory_back_too")
fault("publish-done", "slot publish", "Ordering::Release, Ordering::Relaxed).is_ok()", "Ordering::Release, Ordering::Relaxed).is_ok() || true", "a producer does not see that its slot is contested", "loom raw_slot a_slot_is_full_or_poisoned_for_both_owners")
fault("publish-not-light", "slot publish", "light();", "", "producer and consumer miss each other", "loom raw_slot a_slot_is_full_or_poisoned_for_both_owners")
fault("publish-without-flag", "slot publish", "self.set_producer_done();", "", "a segment is never reused", "loom raw_slot a_slot_is_full_or_poisoned_for_both_owners")
fault("resolve-without-flag", "slot resolve", "self.set_producer_done();", "", "a segment is never reused", "loom raw_slot a_slot_is_full_or_poisoned_for_both_owners")
fault("resolve-keeps", "slot resolve", "let value = self.read();", "if true {\n                self.set_producer_done();\n                return None;\n            }\n            let value = self.read();", "the item of a poisoned slot is lost", "lib a_batch_that_finds_a_poisoned_slot_claims_one_slot_more")
fault("hole-without-producer-flag", "slot leave_hole", "self.set_producer_done();", "", "a segment is never reused", "loom raw_slot a_slot_without_a_value_is_a_hole_for_both_owners")
fault("hole-not-stored", "slot leave_hole", "(*self.state).store(HOLE, Ordering::Relaxed);", "", "none", "same: the done flag alone makes the contesting compare-and-swap of the consumer fail, which then passes the slot")
fault("full-if-hole", "slot is_full", "== FULL", "!= EMPTY", "a consumer takes a value from a hole", "lib a_claim_after_a_wrap_around_keeps_the_bound")
fault("flag-before-read", "slot take_full", "let _finish = Finish(self);", "drop(Finish(self));", "a segment is reused while its value is read", "loom raw_slot a_slot_is_reused_only_after_both_owners_have_finished")
fault("published-if-full", "slot is_published", "!= EMPTY", "== FULL", "none", "same: a hint to a consumer that spins, which rechecks before it waits")
fault("hole-without-flag", "slot finish", "self.set_consumer_done();", "", "a segment is never reused", "loom raw_slot a_slot_is_full_or_poisoned_for_both_owners")
fault("finish-hole", "slot finish", "state == FULL", "state != EMPTY", "a consumer takes a value from a hole", "lib a_claim_after_a_wrap_around_keeps_the_bound")
fault("poison-unfenced", "slot wait_or_poison", "let fenced = handshake == Handshake::Rmw || heavy();", "let fenced = true;", "producer and consumer miss each other", "loom raw_slot a_slot_is_full_or_poisoned_for_both_owners")
fault("poison-without-recheck", "slot wait_or_poison", "if state != EMPTY {\n                        return state;\n                    }\n                    if fenced", "let _ = state;\n                    if fenced", "a full slot is poisoned", "loom raw_slot a_slot_is_full_or_poisoned_for_both_owners")
fault("poison-done", "slot wait_or_poison", "(CONTESTED, POISONED, Ordering::Release, Ordering::Acquire).is_ok()", "(CONTESTED, POISONED, Ordering::Release, Ordering::Acquire).is_ok() || true", "a producer that finished in time loses its item", "loom raw_slot a_slot_is_full_or_poisoned_for_both_owners")
fault("poison-without-membarrier", "slot wait_or_poison", "if fenced {\n                        break;", "if true {\n                        let _ = fenced;\n                        break;", "without the heavy fence a slot is poisoned that may be full", "compat membarrier_denied a_get_passes_no_slot_without_the_call_and_later_segments_need_none")
# The pool.
fault("acquire-without-sweep", "pool acquire", "self.sweep();", "", "retired segments are not reused", "lib an_append_reuses_a_retired_segment_that_is_done")
fault("acquire-not-cleared", "pool acquire", "unsafe { segment.clear(span.base, kept_spares) };", "let _ = span;", "a segment is reused without being cleared", "lib a_segment_that_is_reused_is_like_a_new_one")
fault("recycle-leaks", "pool recycle", "            segment.free();", "", "a segment that is no spare is lost", "test memory a_burst_gives_its_memory_back_when_it_is_drained")
fault("retire-without-sweep", "pool retire", "self.sweep();", "", "retired segments are not freed", "lib retiring_a_segment_recycles_an_earlier_one_that_is_done")
fault("recycle-early", "pool recycle_or_retire", "unsafe { segment.is_reclaimable() }", "true", "a segment is reused while other threads use it", "lib retiring_a_segment_recycles_an_earlier_one_that_is_done")
fault("recycle-never", "pool recycle_or_retire", "unsafe { segment.is_reclaimable() }", "false", "a segment is never reused", "test memory a_burst_gives_its_memory_back_when_it_is_drained")
fault("retire-drops-list", "pool recycle_or_retire", "Err(now) => top = now", "Err(now) => { let _ = now; top = null_mut() }", "the list of retired segments is cut", "loom-rmw raw_edges two_threads_retire_and_reuse_segments")
fault("sweep-one", "pool each_of", "while let Some(segment)", "if let Some(segment)", "a list of segments is cut", "lib a_dropped_queue_frees_all_its_segments")
fault("spares-not-counted", "pool recycle", "((now & COUNT) + 1)", "(now & COUNT)", "more spares are kept than wanted", "loom raw_pool no_more_spares_are_kept_than_wanted")
fault("spare-stays", "pool take_spare", "self.spares.swap(0, Ordering::Acquire)", "self.spares.load(Ordering::Acquire)", "two appenders have the same segment", "loom raw_pool two_threads_take_different_spares")
fault("spare-twice", "pool take_spare", "let rest = segment.header().listed.with_mut(|next| *next);", "let rest = segment.as_header();", "a spare is handed out twice", "loom raw_pool two_threads_take_different_spares")
fault("spares-lost", "pool take_spare", "spares & COUNT > 1", "false", "the spares behind the first are lost", "loom raw_pool two_threads_take_different_spares")
fault("put-back-over-others", "pool put_back", "let stored = self.spares.compare_exchange(0, list as usize | count, Ordering::Relaxed, Ordering::Relaxed);", "self.spares.store(list as usize | count, Ordering::Relaxed);\n        let stored: Result<usize, usize> = Ok(0);", "a spare that came back meanwhile is lost", "loom raw_pool a_spare_is_taken_while_another_one_comes_back")
fault("put-back-drops", "pool put_back", "stored.is_err()", "false", "spares are lost if another one came back meanwhile", "loom raw_pool a_spare_is_taken_while_another_one_comes_back")
fault("drop-keeps-retired", "pool free_all", "self.each_retired(|segment| unsafe { segment.free() });", "", "a dropped queue keeps its retired segments", "lib a_dropped_queue_frees_all_its_segments")
fault("drop-keeps-spare", "pool free_all", "unsafe { Self::each_of(first_of(spares), |segment| segment.free()) };", "let _ = spares;", "a dropped queue keeps its spares", "test memory a_burst_gives_its_memory_back_when_it_is_drained")
# The single consumer.
fault("single-twice", "single single_consumer", "self.head.cursor() == Cursor::sentinel(Self::LEN)", "true", "a queue has two single consumers", "lib a_queue_has_one_single_consumer")
fault("single-never-ends", "single end_single_consumer", "single.id = ENDED;", "", "a single consumer that has ended still pops", "lib a_single_consumer_that_has_ended_is_rejected_by_its_queue")
fault("single-last-slot", "single peek_ready", "seen.long_ticket() + 1 >= Self::LEN", "seen.long_ticket() >= Self::LEN", "an empty queue keeps a used-up segment", "lib the_head_leaves_a_segment_with_its_last_item")
fault("single-anywhere", "single check", "assert_eq!(\n            self.single.load(Ordering::Relaxed),\n            single.id,\n            \"the single consumer of another queue, or one that has ended\"\n        );", "let _ = (Ordering::Relaxed, single.id);", "the single consumer of one queue pops from another", "lib a_single_consumer_that_has_ended_is_rejected_by_its_queue")
fault("single-leaves-later", "single pop_single_slow", "index + 1 == Self::LEN", "false", "an empty queue keeps a used-up segment", "lib the_head_leaves_a_segment_with_its_last_item")
fault("single-batch-loses", "single pop_many_single", "Err(error) if values.len() == before =>", "Err(error) =>", "a batch that stops early reports that it popped nothing", "lib a_batch_of_the_single_consumer_ends_with_the_last_item")
fault("run-over-gap", "single take_run", ".take_while(|&index|", ".filter(|&index|", "a batch takes a value that is not published", "lib a_batch_of_the_single_consumer_ends_before_a_slot_that_is_not_published")
fault("run-skips", "single take_run", "seen.advanced(run as u64)", "seen.advanced(most)", "items are skipped", "lib a_batch_of_the_single_consumer_passes_no_slot_without_an_item")
fault("run-last-slot", "single take_run", "(Self::LEN - 1)", "Self::LEN", "an empty queue keeps a used-up segment", "lib the_head_leaves_a_segment_with_its_last_item")
fault("may-pop-never", "single may_pop_single", "seen.ticket() >= Self::LEN ||", "seen.ticket() < Self::LEN &&", "a consumer that spins misses the next segment", "lib the_single_consumer_may_pop_at_an_edge")
fault("single-ahead", "single take_unpublished", "tail.ticket() <= seen.ticket()", "tail.ticket() < seen.ticket()", "a slot is poisoned that no push has claimed", "lib a_batch_of_the_single_consumer_passes_no_slot_without_an_item")
fault("single-any-segment", "single take_unpublished", "tail.address() == segment.address() && ", "", "empty, though the next segment holds an item", "lib the_single_consumer_passes_a_claimed_slot_behind_which_the_tail_is_in_the_next_segment")
fault("single-passes-tail", "single leave_segment", "tail.address() == seen.address()", "false", "the head leaves a segment before the tail", "lib the_single_consumer_stays_in_the_segment_that_the_tail_has_not_left")
fault("single-not-raised", "single leave_segment", "self.head.raise(seen, span, Self::LEN);", "let _ = span;", "the base is that of an earlier segment", "lib the_segments_of_a_single_consumer_are_reused")
fault("single-not-left", "single leave_segment", "left.leave(0);", "", "a segment is never reused", "lib the_segments_of_a_single_consumer_are_reused")
fault("single-retires-first", "single leave_segment", "self.head.raise(seen, span, Self::LEN);\n        point!(BaseRaised);\n        self.head.store(", "self.head.raise(seen, span, Self::LEN);\n        if let Some(left) = left {\n            unsafe {\n                left.leave(0);\n                self.cold.pool.retire(left);\n            }\n        }\n        let left: Option<Segment<T>> = None;\n        self.head.store(", "a segment is reused while the head's word has its address", "loom-rmw raw_single a_segment_is_reused_only_after_the_single_consumer_has_left_it")
fault("single-takes-twice", "single take", "queue.head.store(seen.advanced(1));", "", "an item is taken twice", "lib the_head_leaves_a_segment_with_its_last_item")
# Lock-freedom, in the running binary.
fault("unpublished-waits", "slot wait_or_poison", "for _ in 0..crate::sync::spins_if_parallel(Self::SPIN_LIMIT) {", "loop {", "a get waits for a claimed slot", "test stall a_stalled_thread_freezes_no_other_in_an_unbounded_queue")
fault("append-waits", "push append", "let span = link.next_span();", "while seen.ticket() > Self::LEN && self.tail.cursor().address() == seen.address() {\n            crate::sync::pause();\n        }\n        let span = link.next_span();", "a put waits for the thread that appends", "test stall a_stalled_thread_freezes_no_other_in_an_unbounded_queue")
fault("empty-behind-a-hole", "fast try_claim_pop", "if self.head.advance(seen, after).is_err() {", "let (segment, index) = segment_and_index::<T>(seen);\n        if unsafe { !segment.long_slot(index).is_published() } {\n            return Err(PopFallback::Empty(PopError::Empty));\n        }\n        if self.head.advance(seen, after).is_err() {", "empty, though there are items behind a slot that is claimed", "test stall a_stalled_thread_freezes_no_other_in_an_unbounded_queue")
fault("batch-overtaken", "push publish_many", "values.push_front(value)", "values.push_back(value)", "an item of a batch is overtaken by those behind it", "test stall a_stalled_batch_freezes_no_other_thread")
fault("sealed-waits", "push append", "self.close_sealed();", "while !self.tail.cursor().is_closed() {\n                crate::sync::pause();\n            }", "a put waits for the thread that closes", "test stall a_stalled_close_freezes_no_other_thread")
# The same in the models.
fault("append-waits-for-link", "push append", "let moved = self.cross(&self.tail, seen, &link, next, 1);", "if linked.is_none() {\n            while self.tail.cursor().address() == seen.address() {\n                crate::sync::pause();\n            }\n            return Ok(None);\n        }\n        let moved = self.cross(&self.tail, seen, &link, next, 1);", "a push waits for the appender of the next segment", "loom-rmw raw_points a_stopped_push_keeps_no_thread_waiting")
fault("pop-waits", "slot wait_or_poison", "point!(EmptyFound);", "while load_state() == EMPTY {\n                crate::sync::pause();\n            }", "a pop waits for a claimed slot", "loom-rmw raw_points a_stopped_push_keeps_no_thread_waiting")
fault("pool-waits", "pool take_spare", "let spares = self.spares.swap(0, Ordering::Acquire);\n        point!(SparesTaken);", "let mut spares = self.spares.swap(COUNT, Ordering::Acquire);\n        while spares == COUNT {\n            crate::sync::pause();\n            spares = self.spares.swap(COUNT, Ordering::Acquire);\n        }\n        point!(SparesTaken);\n        self.spares.store(0, Ordering::Relaxed);", "a push waits for the thread that has taken the list of spares", "loom-rmw raw_points a_stopped_push_keeps_no_thread_waiting")
fault("close-waits", "mod close", "if self.cross(&self.tail, seen, &link, next, 1) {", "while self.tail.cursor().address() == seen.address() {\n                        crate::sync::pause();\n                    }\n                    if next == 0 {", "a close waits for the thread that has linked a segment", "loom-rmw raw_points a_stopped_push_keeps_no_thread_waiting")
# The models of the list in docs/verification.md.
fault("append-fills-after-swing", "push append", ("if let Some(value) = value.take() {", "if is_filled {", "let moved = self.cross(&self.tail, seen, &link, next, 1);"), ("if let Some(value) = None {", "if false {", "let moved = self.cross(&self.tail, seen, &link, next, 1);\n        if let (Some(segment), Some(value)) = (Segment::at(next), value.take_if(|_| linked)) {\n            unsafe { segment.slot(span.start).fill(value) };\n        }"), "a pop passes the slot of an item that is written later", "loom-rmw raw a_push_makes_the_first_segment_during_a_pop")
fault("append-fills-after-link", "push append", ("if let Some(value) = value.take() {", "if is_filled {", "linked = true;"), ("if let Some(value) = None {", "if false {", "linked = true;\n                    if let Some(value) = value.take() {\n                        unsafe { segment.slot(span.start).fill(value) };\n                    }"), "a helper moves the tail to a slot whose item is written later", "loom-rmw raw_edges two_pushes_append_the_first_segment")
fault("append-moves-to-own", "push append", "next = other;", "let _ = other;\n                    next = segment.address();", "a push that loses the race for a link moves the tail to its own segment", "loom-rmw raw_edges two_pushes_append_to_a_full_segment")
fault("pop-claims-by-store", "pop claim_pop", "if self.head.advance(seen, seen.advanced(count)).is_ok() {", "self.head.store(seen.advanced(count));\n            if true {", "two pops claim one slot", "loom-rmw raw one_of_two_pops_takes_the_only_item")
fault("spare-relaxed", "pool take_spare", "self.spares.swap(0, Ordering::Acquire)", "self.spares.swap(0, Ordering::Relaxed)", "a segment is reused before the reads of its last pop", "loom-rmw raw_edges segments_are_reused_during_pushes_and_pops")
fault("drop-by-fast-path", "mod drop", "self.head.store(self.head.cursor().opened());\n        }\n        self.discard();", "self.head.store(self.head.cursor().opened());\n        }\n        while let Ok(ticket) = self.try_claim_pop_and_look() {\n            ticket.take(drop);\n        }", "a dropped queue keeps the items of all segments but the first", "loom-rmw raw a_dropped_queue_drops_its_items")
fault("close-reads-once", "mod close", "loop {\n            let seen = self.tail.cursor();", "let seen = self.tail.cursor();\n        loop {", "a close that lost a race tries the same for ever", "loom handles both_sides_are_dropped_at_once")
fault("discard-before-close", "channel/handles", "let _discard = Discard(shared);", "drop(Discard(shared));", "a message that is sent beside the last receiver stays in the channel", "loom handles the_last_receiver_drops_the_remaining_messages")
fault("upgrade-from-zero", "queue/handle_count add_unless_zero", "self.0.compare_exchange(count, count + 1, Ordering::Relaxed, Ordering::Relaxed)", "Ok::<u32, u32>(self.0.fetch_add(1, Ordering::Relaxed))", "a weak handle reopens a closed channel", "loom handles an_upgrade_does_not_reopen_a_closed_channel")
fault("closed-read-later", "fast try_claim_pop_and_look", "if tail.is_closed()", "if self.is_closed()", "a pop finds the end before the item that was pushed before the close", "loom-rmw raw_bound closed_is_reported_only_after_the_last_item")
fault("helper-is-within-limit", "push push_from", ("limit: u64,", "self.append(seen, value, limit, events)?;"), ("mut limit: u64,", "self.append(seen, value, limit, events)?;\n                    limit = UNBOUNDED;"), "a push that has helped an append does not check its limit again", "loom-rmw raw_bound two_pushes_keep_a_bound_of_one_during_a_pop")
fault("put-not-fenced", "queue/serve fence_space", "Bound::Unbounded | Bound::Limit => self.raw.fence_pops(limit),", "Bound::Unbounded | Bound::Limit => self.raw.is_below(limit),", "a get and a put that registers miss each other", "loom waiting a_waiting_put_is_woken_by_a_get")
fault("waker-after-release", "handoff take_out", "let value = self.value.with_mut(|place| unsafe { (*place).take() });\n        self.release(held, EMPTY);", "self.release(held, EMPTY);\n        let value = self.value.with_mut(|place| unsafe { (*place).take() });", "the waker is read while the next get puts its own into the cell", "loom getters a_value_is_taken_once")
fault("cell-not-held", "handoff take_out", "if !self.hold(full, held) {", "if self.word.load(Ordering::Acquire) != full {", "the waker is read while its owner takes it back", "loom getters a_get_that_leaves_the_cell_keeps_no_notification")
fault("timed-out-get-stays", "queue/get on_timeout", "self.leave_queue();", "self.waiter = None;", "a get that has timed out takes the notification of another one", "loom waiting a_get_that_timed_out_does_not_keep_its_notification")
fault("empty-cell-notifies-none", "queue/notify notify_getters", "if others > 0 && self", "if first.is_some() && others > 0 && self", "a put that finds the cell empty notifies no get", "loom waiting a_notified_thread_notifies_tasks_of_the_items_put_meanwhile")
fault("done-read-last", "join count_done", "unfinished = self.enqueued(numbers).items.saturating_sub(done);", "unfinished = self.enqueued(numbers).items;\n                done = self.done.load(Ordering::Acquire);\n                unfinished = unfinished.saturating_sub(done);", "a `task_done` for an item that was put is refused", "loom-rmw join two_items_are_finished_while_one_is_put")
fault("zero-stored", "join record", "self.claims.fetch_max(claims, Ordering::Release);", "self.claims.store(claims, Ordering::Release);", "a late notification hides a later zero from its joins", "loom-rmw join each_zero_ends_the_joins_that_began_before_it")
fault("notify-one-join", "wait/wait_set notify_all", "self.event.notify(usize::MAX);", "self.event.notify(1);", "the zero wakes one of two joins", "loom join two_joins_wait_at_once")
fault("done-by-add", "join count_done", "self.done.compare_exchange(done, after, Ordering::AcqRel, Ordering::Acquire)", "Ok::<u64, u64>(self.done.fetch_add(after - done, Ordering::AcqRel))", "two calls mark one item as done", "loom-rmw join one_of_two_task_done_calls_for_one_item_is_refused")
# The heavy fence.
fault("heavy-not", "fence heavy", "if fence() ||", "if true || fence() ||", "producer and consumer miss each other", "lib producer_and_consumer_agree_on_each_slot")
fault("heavy-trusted-again", "fence heavy", "KERNEL.store(REFUSED, Ordering::Relaxed);", "", "new segments use `membarrier` after the kernel has refused it", "compat membarrier_denied a_get_passes_no_slot_without_the_call_and_later_segments_need_none")


def regions(text, function):
    """The ranges of the functions of that name, from the first line to the closing brace."""
    for head in re.finditer(rf"^( *)(?:pub(?:\([a-z]+\))? )?(?:const )?(?:unsafe )?fn {function}\b", text, re.M):
        end = text.index(f"\n{head.group(1)}}}\n", head.start())
        yield head.start(), end


def planted(text, fault):
    """The text of the file with the fault in it; None unless the fault has exactly one place."""
    _, *function = fault.where.split(" ")
    olds, news = [(part,) if isinstance(part, str) else part for part in (fault.old, fault.new)]
    changed = set()
    for start, end in regions(text, *function) if function else [(0, len(text))]:
        region = text[start:end]
        if all(region.count(old) == 1 for old in olds):
            for old, new in zip(olds, news):
                region = region.replace(old, new)
            changed.add(text[:start] + region + text[end:])
    return changed.pop() if len(changed) == 1 else None


def command(test):
    tier, *rest = test.split(" ")
    if tier == "lib":
        return ["cargo", "test", "-p", "joinq", "--lib", *rest], ""
    if tier in ("test", "compat"):
        features = ["--features", "compat"] if tier == "compat" else []
        return ["cargo", "test", "-p", "joinq", *features, "--test", *rest], ""
    flags = "--cfg loom --cfg loom_rmw" if tier == "loom-rmw" else "--cfg loom"
    cargo = ["cargo", "test", "--profile", "loom", "-p", "joinq-loom-tests", "--test", rest[0], "--", "--include-ignored"]
    return cargo + rest[1:], flags


def at_most_8_gib():
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))


def run(tree, work, name, test, limit):
    """The tests that failed, or None."""
    cargo, flags = command(test)
    target = work / ("target" + flags.replace("--cfg ", "-").replace(" ", ""))
    env = dict(os.environ, CARGO_TARGET_DIR=str(target))
    env.setdefault("LOOM_MAX_PREEMPTIONS", "2")
    env.pop("RUSTFLAGS", None)
    if flags:
        env["RUSTFLAGS"] = flags
    build = cargo[: cargo.index("--")] if "--" in cargo else list(cargo)
    built = subprocess.run(build + ["--no-run"], cwd=tree, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if built.returncode:
        errors = re.findall(r"^error.*", built.stdout, re.M)
        sys.exit(f"does not compile: {errors[:1]}\n{built.stdout[-2000:]}")
    out = subprocess.run(
        ["timeout", "-k", "2", str(limit), *cargo], cwd=tree, env=env, text=True, errors="replace",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, preexec_fn=at_most_8_gib,
    )
    (work / f"{name}.log").write_text(out.stdout)
    if out.returncode == 0:
        if not re.search(r"^test result: ok\. [1-9]", out.stdout, re.M):
            sys.exit(f"there is no such test: {test}")
        return None
    if out.returncode in (124, 137):
        return f"{test} (does not end)"
    failed = re.findall(r"^test (\S+)(?: - should panic)? \.\.\. FAILED", out.stdout, re.M)
    named = {name.split("::")[-1] for name in failed}
    tier = " ".join(test.split(" ")[: 1 if test.startswith("lib") else 2])
    return f"{tier} {', '.join(sorted(named))}" if named else f"{test} (aborted)"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", help="names of faults, functions or files")
    parser.add_argument("--list", action="store_true", help="only check that each fault has its place")
    parser.add_argument("--search", action="store_true", help="run all tests of the core until one fails")
    parser.add_argument("--limit", type=int, default=120, help="seconds for one run of tests")
    parser.add_argument("--work", default="/tmp/joinq-plant")
    args = parser.parse_args()
    work = pathlib.Path(args.work)
    tree = work / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns("target", ".git"))
    bad = 0
    for fault in FAULTS:
        if args.names and not {fault.name, *fault.where.split(" ")} & set(args.names):
            continue
        file = f"{fault.where.split(' ')[0]}.rs"
        path = next(filter(pathlib.Path.exists, (tree / "src/raw" / file, tree / "src" / file)))
        text = path.read_text()
        changed = planted(text, fault)
        verdict = ""
        if changed is None:
            verdict = "has no place"
        elif not args.list and fault.caught.startswith("same"):
            verdict = fault.caught
        elif not args.list:
            path.write_text(changed)
            tests = SEARCH if args.search or fault.caught == "?" else [fault.caught]
            verdict = next(filter(None, (run(tree, work, fault.name, test, args.limit) for test in tests)), "survived")
            path.write_text(text)
        bad += verdict in ("has no place", "survived")
        print(f"{fault.name} | {fault.where} | {fault.breaks} | {verdict or fault.caught}", flush=True)
    return bad != 0


if __name__ == "__main__":
    sys.exit(main())
