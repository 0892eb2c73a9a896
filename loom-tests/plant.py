#!/usr/bin/env python3
"""Plants one fault at a time in the core and tells which test notices.

    loom-tests/plant.py [NAME ...] [--list] [--search] [--limit SECONDS] [--work DIR]

Each fault of the table below is a small change of one function of src/raw. A copy of the tree gets it, and the test that
is expected to fail runs there; the tree itself is not touched. A name is that of a fault, of a function or of a file.
With --search all tests of the core run, cheapest first, until one fails. The last column is what failed, or `survived`.
docs/verification.md has the table of the results.

A test is named by its tier, as the tools know it:

    lib NAME             cargo test -p joinq --lib NAME
    test FILE NAME       cargo test -p joinq --test FILE NAME
    loom FILE NAME       cargo loom NAME, the file FILE alone
    loom-rmw FILE NAME   the same with every load of a word an RMW
    same                 no test, as nothing differs: the reason stands behind
"""
import argparse, os, pathlib, re, resource, shutil, subprocess, sys
from collections import namedtuple

ROOT = pathlib.Path(__file__).resolve().parent.parent
Fault = namedtuple("Fault", "name where old new breaks caught")
SEARCH = ["lib", "test memory", "test mpsc", "test queue", "test timeouts", "test item_drops", "test membarrier_denied"]
SEARCH += [f"loom-rmw {file}" for file in ("raw", "raw_bound", "raw_edges", "raw_slot", "raw_single", "join")]
SEARCH += ["loom raw_slot", "loom raw", "loom-rmw waiting"]

FAULTS = []


def fault(name, where, old, new, breaks, caught="?"):
    FAULTS.append(Fault(name, where, old, new, breaks, caught))


# The queue.
fault("len-wraps", "mod between", "saturating_sub", "wrapping_sub", "a head ahead of the tail is a length of 2^64 - 1", "lib a_slot_poisoned_before_its_putter_comes_costs_only_that_slot")
fault("claims-from-root", "mod claims", " - Self::LEN", "", "the imaginary segment counts as claims", "lib a_claim_at_a_word_that_came_back_keeps_the_bound")
fault("given-up-not-met", "mod fence_holes", "meet(&self.side.holes);", "", "a claim given up does not see who joins")
fault("pushes-by-ticket", "mod fence_pushes", "head.address() != tail.address() || ", "", "a get that registers overlooks an item of the next segment", "loom-rmw waiting")
fault("pushes-unless-closed", "mod fence_pushes", "tail.is_closed() || ", "", "a get that registers overlooks the close", "loom-rmw waiting")
fault("pops-without-limit", "mod fence_pops", ".saturating_add(limit)", "", "a put that registers overlooks capacity", "lib helper_tickets_do_not_count_as_items")
fault("pops-by-helper", "mod fence_pops", ".min(Self::LEN)", "", "helper tickets count as items", "lib helper_tickets_do_not_count_as_items")
fault("ends-seen-once", "mod ends", "again.position == head.position", "true", "the two positions are not of one moment", "loom-rmw raw len_is_exact_while_items_pass")
fault("discard-stops", "mod discard", "while let Ok(value) = self.0.pop(self.1) {\n                    drop(value);\n                }", "", "a drop that panics leaves the other items inside", "test item_drops a_dropped_queue_drops_all_items_though_the_drop_of_one_panics")
fault("void-not-reported", "mod void", "observer.voided();", "", "who joins is not woken by a claim given up")
fault("void-not-counted", "mod void", "self.side.holes.fetch_add(claims,", "self.side.holes.fetch_add(claims - 1,", "claims given up count as items that came in", "lib a_batch_into_a_poisoned_slot_leaves_over_what_it_costs")
fault("close-at-edge", "mod close", "seen.ticket() < Self::LEN", "true", "a swing of the tail takes the closed bit away", "lib an_operation_that_moves_the_tail_reports_the_item_of_a_stopped_appender")
fault("close-before-bit", "mod close", "Err(SEALED) => {\n                    self.close_sealed();", "Err(SEALED) => {", "a close returns before the queue is closed", "loom-rmw raw_bound two_closes_beside_a_push")
fault("close-not-reported", "mod close", "observer.surfaced(1);", "", "the item of a stopped appender is not reported", "lib an_operation_that_moves_the_tail_reports_the_item_of_a_stopped_appender")
fault("close-tries-once", "mod close_sealed", "Err(now) => seen = now", "Err(_) => return", "a close returns before the queue is closed", "loom-rmw raw_bound two_closes_beside_a_push")
fault("drop-keeps-depot", "mod drop", "unsafe { queue.side.depot.free_all() };", "", "a dropped queue keeps its spare", "test memory a_burst_gives_its_memory_back_when_it_is_drained")
fault("drop-beside-sole", "mod drop", "if self.has_single_consumer() {", "if false {", "items of a queue with a single getter are not dropped")
# Words.
fault("sequence-by-two", "cursor swung", "(self.sequence() + 1)", "(self.sequence() + 2)", "all segments have one base", "lib a_batch_into_a_poisoned_slot_leaves_over_what_it_costs")
fault("slot-though-closed", "cursor slot", "(CLOSED | MAX_TICKET)", "MAX_TICKET", "a put goes into a closed queue", "lib closing_at_every_offset_keeps_what_is_inside")
fault("opened-not", "cursor opened", " & !CLOSED", "", "a single getter never ends")
fault("fits-any-bits", "cursor fits", "address % SEGMENT_ALIGN == 0 && ", "", "an address loses its low bits in the word", "lib addresses_that_do_not_fit_are_refused")
fault("fits-any-height", "cursor fits", " && (address as u64) < 1 << 48", "", "an address loses its high bits in the word", "lib addresses_that_do_not_fit_are_refused")
# Ends.
fault("advance-says-from", "end advance", "Err(Cursor::from_bits(now))", "Err(from)", "who lost a race tries the same again")
fault("position-with-helpers", "end position_of", ".min(len)", "", "none", "same: both callers ask at a slot")
fault("position-of-neighbour", "end position_of_slot", "[cursor.parity()]", "[1 - cursor.parity()]", "the position is that of another segment", "lib a_claim_at_a_word_that_came_back_keeps_the_bound")
fault("sight-once", "end sight", "again == cursor", "true", "cursor and base are not of one moment", "loom-rmw raw len_goes_one_way_with_the_queue")
fault("sight-with-helpers", "end sight", ".min(len)", "", "helper tickets count as items", "lib closing_at_every_offset_keeps_what_is_inside")
fault("raise-late", "end raise", "base.wrapping_sub(2 * len),", "self.base[1 - cursor.parity()].load(Ordering::Acquire),", "a late helper lowers a base", "loom-rmw raw_edges a_late_helper_and_a_segment_used_again")
fault("horizon-beyond", "end cache_peer", "store(position,", "store(position + 1,", "an end trusts a position the other has not reached", "lib batches_cross_segments_and_stop_at_the_bound")
fault("meet-by-load", "end meet", "crate::sync::meet(&self.word)", "self.word.load(Ordering::Acquire)", "a waiter and a change miss each other")
# Puts.
fault("batch-puts-back-behind", "put push_many", "values.push_front(value)", "values.push_back(value)", "the items of a batch change their order")
fault("batch-order-after-poison", "put publish_many", "values.push_front(value)", "values.push_back(value)", "a poisoned slot changes the order of a batch", "lib a_batch_into_a_poisoned_slot_leaves_over_what_it_costs")
fault("batch-reports-one", "put publish_many", "observer.surfaced(kept)", "observer.surfaced(1)", "one waiter is notified of a batch", "lib an_operation_that_moves_the_tail_reports_the_item_of_a_stopped_appender")
fault("batch-holes-not-counted", "put publish_many", "if given_up > 0 {", "if false {", "claims given up count as items that came in", "lib a_batch_into_a_poisoned_slot_leaves_over_what_it_costs")
fault("push-not-reported", "put push_by", "observer.surfaced(1);", "", "a waiting get is not notified", "lib each_operation_reports_what_it_changed")
fault("push-ignores-limit", "put push", "_ => self.try_claim_push_within(limit)", "_ => self.try_claim_push()", "more items than the limit", "lib the_bound_is_exact_at_every_offset_of_a_segment")
fault("asked-not-reported", "put push_contested", "observer.surfaced(1);", "", "a waiting get is not notified")
fault("asked-not-counted", "put push_contested", "self.void(1, observer);", "", "a claim given up counts as an item that came in", "lib a_slot_poisoned_before_its_putter_comes_costs_only_that_slot")
fault("misplaced-not-given-up", "put push_slow", "self.give_up(&claim, observer)", "let _ = claim", "a slot stays open for ever", "lib a_misplaced_claim_is_kept_within_the_bound_and_given_up_beyond_it")
fault("retry-not-reported", "put push_from", "None => observer.surfaced(1)", "None => {}", "a waiting get is not notified", "lib an_operation_that_moves_the_tail_reports_the_item_of_a_stopped_appender")
fault("retry-not-counted", "put push_from", "Some(_) => self.void(1, observer)", "Some(_) => {}", "a claim given up counts as an item that came in", "lib each_operation_reports_what_it_changed")
fault("claim-though-closed", "put claim_push", "seen.is_closed()", "false", "a put goes into a closed queue", "lib closing_at_every_offset_keeps_what_is_inside")
fault("claim-beyond-limit", "put claim_push", "count = count.min(limit - used);", "", "a batch passes the limit", "lib batches_cross_segments_and_stop_at_the_bound")
fault("edge-though-full", "put claim_push", "self.room(limit).count == 0", "false", "refused puts use the helper tickets up", "lib pushes_refused_at_the_end_of_a_segment_use_nothing_up")
fault("claim-not-tested-again", "put claim_push", "self.is_where_tested(&claim, position, limit)", "true", "a word that came back passes the limit")
fault("room-from-tail", "put room", "self.tail.cache_peer(head.position)", "self.tail.cache_peer(tail.position)", "more items than the limit", "lib batches_cross_segments_and_stop_at_the_bound")
fault("test-again-by-one", "put is_within", "self.position(claim)) + claim.count", "self.position(claim))", "a word that came back passes the limit", "lib a_claim_at_a_word_that_came_back_keeps_the_bound")
fault("give-up-one", "put give_up", "claim.index..claim.index + claim.count", "claim.index..claim.index + 1", "slots of a misplaced batch stay open for ever")
fault("give-up-not-counted", "put give_up", "self.void(claim.count, observer);", "", "a claim given up counts as an item that came in", "lib a_claim_at_a_word_that_came_back_keeps_the_bound")
fault("append-beyond-limit", "put append", "limit != UNBOUNDED && self.between", "false && self.between", "two puts take the same capacity")
fault("append-loses-item", "put append", "*value = Some(unsafe { segment.slot(0).unfill() });", "", "an item is lost with the race for a link", "loom-rmw raw_edges two_append_the_first_segment")
fault("append-keeps-segment", "put append", "self.side.depot.give_back(segment);", "", "a segment is lost with the race for a link", "loom-rmw raw_edges two_append_the_first_segment")
fault("append-refuses-early", "put append", "self.close_sealed();", "", "a put is told of a close that is not seen yet", "loom-rmw raw_bound two_appends_beside_a_close")
fault("mover-reports-own", "put append", "moved || value.is_none()", "value.is_none()", "the item of a stopped appender is not reported", "lib an_operation_that_moves_the_tail_reports_the_item_of_a_stopped_appender")
fault("appender-trusts-mover", "put append", "moved || value.is_none()", "moved", "the item of an appender is not reported before its put ends", "loom-rmw raw_edges each_append_reports_its_item")
# Gets.
fault("pop-not-reported", "get pop", "observer.vacated(1);", "", "a waiting put is not notified", "lib each_operation_reports_what_it_changed")
fault("slow-pop-not-reported", "get take_claimed", "observer.vacated(1);", "", "a waiting put is not notified", "lib each_operation_reports_what_it_changed")
fault("hole-not-reported", "get pop_slow", "let found = self.take(&claim, claim.index);\n                observer.vacated(1);", "let found = self.take(&claim, claim.index);", "a waiting put is not notified of a hole that is passed", "lib each_operation_reports_what_it_changed")
fault("pop-keeps-segment", "get take_claimed", "self.retire(left);", "let _ = left;", "a segment that the head has left is lost", "lib an_append_uses_a_retired_segment_that_was_left_since")
fault("batch-loses-items", "get pop_many", "Err(vacant) if values.len() == before =>", "Err(vacant) =>", "a batch that stops early says that it got nothing", "lib batches_cross_segments_and_stop_at_the_bound")
fault("batch-not-reported", "get pop_many", "observer.vacated(claim.count as usize);", "", "a waiting put is not notified", "lib each_operation_reports_what_it_changed")
fault("others-beside-sole", "get assert_no_single_consumer", "assert!(", "debug_assert!(true || ", "others get beside a single getter")
fault("get-beyond-tail", "get claim_pop", ".min(Self::LEN - index).min(there)", ".min(Self::LEN - index)", "a batch claims slots that no put has claimed", "loom-rmw raw a_batch_claims_no_more_than_is_there")
fault("get-trusts-glance", "get claim_pop", "self.head.cache_peer(position + there)", "self.head.cache_peer(position + there + 1)", "a get claims a slot that no put has claimed")
fault("glance-anywhere", "get glance", "tail.address() == seen.address()", "true", "a get claims a slot that no put has claimed")
fault("glance-by-helper", "get glance", ".min(Self::LEN)", "", "helper tickets count as items", "lib helper_tickets_do_not_count_as_items")
fault("glance-not-again", "get empty_hint", " && self.head.sight(Self::LEN) == head", "", "empty, though an item is inside all the time", "?")
fault("closed-is-empty", "get empty_hint", "tail.is_closed()", "false", "a get of a closed queue is told that it is empty", "lib closing_at_every_offset_keeps_what_is_inside")
fault("look-too-far", "get look", "self.head.cache_peer(tail.position)", "self.head.cache_peer(tail.position + 1)", "a get claims a slot that no put has claimed")
fault("empty-though-closed", "get look", "tail.cursor.is_closed()", "false", "a get of a closed queue is told that it is empty", "lib closing_at_every_offset_keeps_what_is_inside")
fault("head-passes-tail", "get leave_used_up", " || self.tail.cursor().address() == seen.address()", "", "the head leaves a segment before the tail", "lib the_head_stays_in_the_segment_that_the_tail_has_not_left")
fault("used-up-not-retired", "get leave_used_up", "self.retire(Segment::at(seen.address()));", "", "a segment that the head has left is lost", "test memory a_burst_through_threads_gives_its_memory_back")
fault("head-passes-tail-at-once", "get leave_behind", " || self.tail.cursor().address() == segment.address()", "", "the head leaves a segment before the tail", "lib the_head_stays_in_the_segment_that_the_tail_has_not_left")
fault("leave-another", "get leave_behind", "stays || seen.address() != segment.address()", "stays", "the head is moved to the segment in which it is", "loom-rmw raw_edges two_poppers")
fault("leave-later", "get leave_behind", "claim.index + claim.count < Self::LEN", "true", "a drained queue keeps a used-up segment", "lib a_used_up_segment_is_left_with_its_last_item")
fault("retire-not", "get retire", "unsafe { self.side.depot.retire(segment) };", "let _ = segment;", "a segment that the head has left is lost", "lib a_dropped_queue_frees_all_its_segments")
# Tickets.
fault("within-one-more", "ticket try_claim_push_within", ">= limit", "> limit", "one item more than the limit", "lib the_bound_is_exact_at_every_offset_of_a_segment")
fault("within-not-tested-again", "ticket try_claim_push_within", "base + index != position", "false", "a word that came back passes the limit")
fault("within-looks-behind", "ticket try_claim_push_within", "cache_peer(base + head)", "cache_peer(base + index)", "more items than the limit", "lib the_bound_is_exact_at_every_offset_of_a_segment")
fault("full-of-another-life", "ticket head_within", "self.tail.cursor() != seen", "false", "an empty queue says full", "lib a_cursor_of_an_earlier_life_does_not_make_a_queue_full")
fault("full-of-a-later-life", "ticket head_within", "self.tail.position_of_slot(seen) == position", "true", "a queue with capacity says full", "loom-rmw raw_bound a_put_is_not_told_full_by_a_later_life_of_its_segment")
fault("head-anywhere", "ticket head_within", "now.address() != seen.address()", "false", "more items than the limit", "lib the_bound_is_exact_at_every_offset_of_a_segment")
fault("get-last-slot", "ticket try_claim_pop", "index + 1 >= Self::LEN", "index >= Self::LEN", "a drained queue keeps a used-up segment", "lib a_used_up_segment_is_left_with_its_last_item")
fault("get-at-horizon", "ticket try_claim_pop", "position >= self.head.horizon()", "position > self.head.horizon()", "a get claims a slot that no put has claimed")
fault("ticket-though-empty", "ticket try_claim_pop", "unsafe { segment.slot(index).is_full() }", "true", "a get takes a value that is not there", "lib a_claim_at_a_word_that_came_back_keeps_the_bound")
fault("answer-not", "ticket answer", "unsafe { segment.slot(index).answer() }", "{ let _ = segment.slot(index); None::<T> }", "the item of a poisoned slot is lost")
# Links.
fault("helpers-overflow", "link link", "seen.ticket() == MAX_TICKET", "false", "a helper's ticket too many closes the queue", "lib helper_tickets_end_before_the_closed_bit")
fault("helper-not-counted", "link link", "end.advance(seen, seen.advanced(1)).ok()?;", "let _ = end;", "a segment is used again with a helper inside", "lib an_append_uses_a_retired_segment_that_was_left_since")
fault("helper-stays", "link drop", "unsafe { segment.release(1) };", "let _ = segment;", "a segment is never used again", "test memory a_burst_gives_its_memory_back_when_it_is_drained")
fault("base-behind", "link base_behind", "segment.base() + RawQueue::<T>::LEN", "segment.base()", "two segments have the same positions", "lib items_come_out_in_order_across_segments")
fault("cross-not-raised", "link cross", "end.raise(seen, link.base_behind(), Self::LEN);", "", "the base is that of an earlier segment", "lib a_cursor_of_an_earlier_life_does_not_make_a_queue_full")
fault("swing-tries-once", "link swing", "Err(moved) => now = moved", "Err(_) => return false", "a put returns before its item is inside")
fault("swing-forgets-helpers", "link swing", "segment.leave(now.ticket() - Self::LEN)", "segment.leave(0)", "a segment is used again with a helper inside, or never", "test memory a_burst_gives_its_memory_back_when_it_is_drained")
# Segments.
fault("clear-keeps-link", "segment clear", "header.next.store(0, Ordering::Relaxed);", "", "a segment is followed by the one of its earlier life", "lib a_queue_that")
fault("clear-keeps-pins", "segment clear", "header.pins.store(0, Ordering::Relaxed);", "", "a segment is used again once only", "test memory a_burst_through_threads_gives_its_memory_back")
fault("clear-keeps-base", "segment clear", "header.base.with_mut(|place| *place = base);", "let _ = base;", "a segment has the positions of its earlier life", "lib a_cursor_of_an_earlier_life_does_not_make_a_queue_full")
fault("clear-keeps-means", "segment clear", "header.means.with_mut(|place| *place = Means::for_segment(Self::LEN));", "", "none")
fault("clear-keeps-getters", "segment clear", "(0..Self::LEN).for_each(|index| set_alone(&mut *self.slot(index).getter.cast_mut(), OPEN));", "", "a segment is used again with a getter inside")
fault("clear-keeps-states", "segment clear", "(0..Self::LEN).for_each(|index| set_alone(&mut *self.slot(index).state.cast_mut(), EMPTY));", "", "a getter takes the value of an earlier life", "lib the_means_change_with_the_segment")
fault("clear-keeps-putters", "segment clear", "(0..Self::LEN).for_each(|index| set_alone(&mut *self.slot(index).putter.cast_mut(), OPEN));", "", "a putter's byte says that it is done", "lib a_cursor_of_an_earlier_life_does_not_make_a_queue_full")
fault("free-not", "segment free", "dealloc(self.header.as_ptr().cast(), Self::layout());", "", "a segment is never freed", "test memory a_burst_gives_its_memory_back_when_it_is_drained")
fault("done-with-helpers", "segment is_done", "self.header().pins.load(Ordering::Acquire) != 2 * LEFT", "false", "a segment is used again with a helper inside", "loom-rmw raw_edges a_late_helper_and_a_segment_used_again")
fault("done-without-putter", "segment is_done", " & mark(self.slot(index).putter)", "", "a segment is used again with a putter inside", "loom-rmw raw_slot used_again_when_both_are_through")
fault("done-without-getter", "segment is_done", "mark(self.slot(index).getter) & ", "", "a segment is used again with a getter inside", "lib the_next_segment_to_be_retired_frees_one_that_was_left_since")
fault("done-but-first", "segment is_done", "(0..Self::LEN).fold", "(1..Self::LEN).fold", "a segment is used again with a getter in its first slot", "loom-rmw raw_edges a_late_popper_and_a_segment_used_again")
fault("done-but-last", "segment is_done", "(0..Self::LEN).fold", "(0..Self::LEN - 1).fold", "a segment is used again with somebody in its last slot", "loom-rmw raw_slot used_again_when_both_are_through")
# Slots.
fault("fill-without-mark", "slot fill", "(*self.putter).store(DONE, Ordering::Relaxed);", "", "a segment is never used again", "test memory a_burst_in_batches_gives_its_memory_back_too")
fault("publish-kept", "slot publish", "Ordering::Release, Ordering::Relaxed).is_ok()", "Ordering::Release, Ordering::Relaxed).is_ok() || true", "a putter believes that it was not asked", "lib a_batch_into_a_poisoned_slot_leaves_over_what_it_costs")
fault("publish-not-light", "slot publish", "light();", "", "putter and getter miss each other", "loom raw_slot full_or_poisoned")
fault("publish-without-mark", "slot publish", "self.mark_putter();", "", "a segment is never used again", "loom raw_slot full_or_poisoned")
fault("answer-without-mark", "slot answer", "self.mark_putter();", "", "a segment is never used again", "loom raw_slot full_or_poisoned")
fault("answer-keeps", "slot answer", "let value = self.read();", "if true {\n                self.mark_putter();\n                return None;\n            }\n            let value = self.read();", "the item of a poisoned slot is lost", "lib a_batch_into_a_poisoned_slot_leaves_over_what_it_costs")
fault("skip-without-mark", "slot skip", "self.mark_putter();", "", "a segment is never used again", "loom raw_slot skipped_or_poisoned")
fault("skip-not", "slot skip", "(*self.state).store(SKIPPED, Ordering::Relaxed);", "", "none")
fault("full-if-skipped", "slot is_full", "== FULL", "!= EMPTY", "a getter takes a value out of a skipped slot", "lib a_claim_at_a_word_that_came_back_keeps_the_bound")
fault("mark-before-read", "slot take_full", "let wrapped = wrap(self.read());\n            self.mark_getter();", "self.mark_getter();\n            let wrapped = wrap(self.read());", "a segment is used again while its value is read", "loom-rmw raw_slot used_again_when_both_are_through")
fault("settled-if-full", "slot is_settled", "!= EMPTY", "== FULL", "none")
fault("hole-without-mark", "slot finish", "self.mark_getter();", "", "a segment is never used again", "loom raw_slot full_or_poisoned")
fault("finish-skipped", "slot finish", "state == FULL", "state != EMPTY", "a getter takes a value out of a skipped slot", "lib a_claim_at_a_word_that_came_back_keeps_the_bound")
fault("kill-unseen", "slot wait_or_poison", "let sure = means == Means::Rmw || heavy();", "let sure = true;", "putter and getter miss each other", "loom raw_slot full_or_poisoned")
fault("kill-without-look", "slot wait_or_poison", "if state != EMPTY {\n                        return state;\n                    }\n                    if sure", "let _ = state;\n                    if sure", "a full slot is poisoned", "loom raw_slot full_or_poisoned")
fault("kill-done", "slot wait_or_poison", "(ASKED, POISONED, Ordering::Release, Ordering::Acquire).is_ok()", "(ASKED, POISONED, Ordering::Release, Ordering::Acquire).is_ok() || true", "a putter that answered loses its item", "loom raw_slot full_or_poisoned")
fault("kill-in-vain", "slot wait_or_poison", "if sure {\n                        break;", "if true {\n                        let _ = sure;\n                        break;", "without the barrier a slot is poisoned that may be full")
# The depot.
fault("obtain-without-sweep", "depot obtain", "self.sweep();", "", "retired segments are not used again", "lib an_append_uses_a_retired_segment_that_was_left_since")
fault("obtain-not-cleared", "depot obtain", "unsafe { segment.clear(base) };", "let _ = base;", "a segment is used as it was left")
fault("give-back-leaks", "depot give_back", "laid.is_err()", "false", "a second spare is lost", "test memory a_burst_gives_its_memory_back_when_it_is_drained")
fault("retire-without-sweep", "depot retire", "self.sweep();", "", "retired segments are not freed", "lib the_next_segment_to_be_retired_frees_one_that_was_left_since")
fault("sort-in-early", "depot recycle_or_retire", "unsafe { segment.is_done() }", "true", "a segment is used again with somebody inside", "lib the_next_segment_to_be_retired_frees_one_that_was_left_since")
fault("sort-in-never", "depot recycle_or_retire", "unsafe { segment.is_done() }", "false", "a segment is never used again", "test memory a_burst_gives_its_memory_back_when_it_is_drained")
fault("sort-in-drops-list", "depot recycle_or_retire", "Err(now) => top = now", "Err(now) => { let _ = now; top = null_mut() }", "the list of retired segments is cut", "loom-rmw raw_edges two_threads_go_round")
fault("sweep-one", "depot each_retired", "while let Some(segment)", "if let Some(segment)", "the list of retired segments is cut", "lib a_dropped_queue_frees_all_its_segments")
fault("spare-stays", "depot take_spare", "self.spare.swap(null_mut(), Ordering::Acquire)", "self.spare.load(Ordering::Acquire)", "two appenders have the same segment")
fault("drop-keeps-retired", "depot free_all", "self.each_retired(|segment| unsafe { segment.free() });", "", "a dropped queue keeps its retired segments", "lib a_dropped_queue_frees_all_its_segments")
fault("drop-keeps-spare", "depot free_all", "unsafe { segment.free() };\n        }", "let _ = segment;\n        }", "a dropped queue keeps its spare", "test memory a_burst_gives_its_memory_back_when_it_is_drained")
# The single getter.
fault("sole-twice", "sole sole", "self.head.cursor() == Cursor::root(Self::LEN)", "true", "there are two single getters")
fault("sole-ends-elsewhere", "sole end_single_consumer", "sole.id = NOBODY;", "", "a single getter that has ended goes on")
fault("sole-last-slot", "sole peek_ready", "seen.ticket() + 1 >= Self::LEN", "seen.ticket() >= Self::LEN", "a drained queue keeps a used-up segment", "lib a_used_up_segment_is_left_with_its_last_item")
fault("sole-anywhere", "sole check", "assert_eq!(self.side.sole.load(Ordering::Relaxed), sole.id, \"the only getter of another queue\");", "let _ = (Ordering::Relaxed, sole.id);", "the single getter of one queue gets from another")
fault("sole-leaves-later", "sole pop_single_slow", "index + 1 == Self::LEN", "false", "a drained queue keeps a used-up segment", "lib a_used_up_segment_is_left_with_its_last_item")
fault("sole-batch-loses", "sole pop_many_single", "Err(vacant) if values.len() == before =>", "Err(vacant) =>", "a batch that stops early says that it got nothing", "test mpsc")
fault("row-over-gap", "sole take_run", ".take_while(|&index|", ".filter(|&index|", "a batch takes a value that is not there")
fault("row-skips", "sole take_run", "seen.advanced(row as u64)", "seen.advanced(most)", "items are passed over")
fault("row-last-slot", "sole take_run", "(Self::LEN - 1)", "Self::LEN", "a drained queue keeps a used-up segment", "lib a_used_up_segment_is_left_with_its_last_item")
fault("may-pop-never", "sole may_pop_single", "seen.ticket() >= Self::LEN ||", "seen.ticket() < Self::LEN &&", "a getter that spins overlooks the next segment")
fault("sole-ahead", "sole take_unsettled", "tail.ticket() <= seen.ticket()", "tail.ticket() < seen.ticket()", "a slot is poisoned that no put has claimed")
fault("sole-any-segment", "sole take_unsettled", "tail.address() == segment.address() && ", "", "empty, though an item is in the next segment")
fault("sole-passes-tail", "sole go_on", "tail.address() == seen.address()", "false", "the head leaves a segment before the tail")
fault("sole-not-raised", "sole go_on", "self.head.raise(seen, base, Self::LEN);", "let _ = base;", "the base is that of an earlier segment")
fault("sole-not-left", "sole go_on", "left.leave(0);", "", "a segment is never used again")
fault("sole-retires-first", "sole go_on", "self.head.raise(seen, base, Self::LEN);\n        self.head.place(", "self.head.raise(seen, base, Self::LEN);\n        if let Some(left) = left {\n            unsafe {\n                left.leave(0);\n                self.side.depot.retire(left);\n            }\n        }\n        let left: Option<Segment<T>> = None;\n        self.head.place(", "a segment is used again that the head's word names", "loom-rmw raw_single a_segment_is_used_again_after_the_head_has_left")
fault("sole-takes-twice", "sole take", "queue.head.place(seen.advanced(1));", "", "an item is taken twice", "lib a_used_up_segment_is_left_with_its_last_item")
# The barrier.
fault("heavy-not", "barrier heavy", "if done() ||", "if true || done() ||", "putter and getter miss each other", "lib putter_and_getter_agree_on_each_slot")
fault("heavy-trusted-again", "barrier heavy", "KERNEL.store(REFUSED, Ordering::Relaxed);", "", "new segments use the barrier that the kernel refuses by now")
fault("heavy-says-yes", "barrier heavy", "\n        false", "\n        true", "a slot is poisoned though the kernel refuses the barrier")
# The place for one value.
fault("lay-beside-another", "handoff lay", "seen == HELD || ", "", "two threads are at the value")
fault("lay-over", "handoff lay", "(*place).replace(value)", "(*place).replace(value); None", "the value that was there is lost")
fault("take-not-held", "handoff take", "(FULL, HELD, Ordering::Acquire", "(FULL, EMPTY, Ordering::Acquire", "two threads are at the value")
fault("take-leaves-full", "handoff take", "self.state.store(EMPTY, Ordering::Release);", "self.state.store(FULL, Ordering::Release);", "a value seems to be there that was taken")
fault("is-full-held", "handoff is_full", "== FULL", "!= EMPTY", "a value seems to be there that is being taken")


def regions(text, function):
    """Where the functions of that name stand, from their first line to their closing brace."""
    for head in re.finditer(rf"^( *)(?:pub(?:\([a-z]+\))? )?(?:const )?(?:unsafe )?fn {function}\b", text, re.M):
        end = text.index(f"\n{head.group(1)}}}\n", head.start())
        yield head.start(), end


def planted(text, fault):
    """The text of the file with the fault in it; None unless there is exactly one place for it."""
    function = fault.where.split(" ")[1]
    places = [(start, end) for start, end in regions(text, function) if text[start:end].count(fault.old) == 1]
    changed = {text[:start] + text[start:end].replace(fault.old, fault.new) + text[end:] for start, end in places}
    return changed.pop() if len(changed) == 1 else None


def command(test):
    tier, *rest = test.split(" ")
    if tier == "lib":
        return ["cargo", "test", "-p", "joinq", "--lib", *rest], ""
    if tier == "test":
        return ["cargo", "test", "-p", "joinq", "--test", *rest], ""
    flags = "--cfg loom --cfg loom_rmw" if tier == "loom-rmw" else "--cfg loom"
    cargo = ["cargo", "test", "--profile", "loom", "-p", "joinq-loom-tests", "--test", rest[0], "--", "--include-ignored"]
    return cargo + rest[1:], flags


def at_most_8_gib():
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))


def run(tree, work, test, limit):
    """What failed, or None."""
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
    if out.returncode == 0:
        if not re.search(r"^test result: ok\. [1-9]", out.stdout, re.M):
            sys.exit(f"there is no such test: {test}")
        return None
    if out.returncode in (124, 137):
        return f"{test} (does not end)"
    failed = re.findall(r"^test (\S+) \.\.\. FAILED", out.stdout, re.M)
    named = {name.split("::")[-1] for name in failed}
    tier = " ".join(test.split(" ")[: 1 if test.startswith("lib") else 2])
    return f"{tier} {', '.join(sorted(named))}" if named else f"{test} (aborted)"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", help="names of faults, functions or files")
    parser.add_argument("--list", action="store_true", help="only see that each fault has its place")
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
        path = tree / "src/raw" / f"{fault.where.split(' ')[0]}.rs"
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
            verdict = next(filter(None, (run(tree, work, test, args.limit) for test in tests)), "survived")
            path.write_text(text)
        bad += verdict in ("has no place", "survived")
        print(f"{fault.name} | {fault.where} | {fault.breaks} | {verdict or fault.caught}", flush=True)
    return bad != 0


if __name__ == "__main__":
    sys.exit(main())
