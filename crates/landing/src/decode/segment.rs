//! Decodes one segment: walks over its bytes, from its carry to the next segment's.
//!
//! - [`Segment::read_objects`]: reads valid objects, by the fast path, else by the
//!   general path.
//! - [`Segment::follow_object`]: follows an object that neither path can read, byte
//!   by byte.
//! - [`Segment::handle_break`]: applies the recovery rules of the crate's
//!   documentation where an object breaks.
//! - [`Segment::find_next_object`]: finds the next object after a break.
//! - [`Segment::await_proof`]: holds an object found that way until the bytes after
//!   it prove it.

use bytes::Bytes;

use super::decoded::Decoded;
use super::fast::{FastOutcome, Shapes};
use super::general::{GeneralPath, Misfit, Outcome};
use super::rows::RowBuilder;
use super::scan;
use super::settings::Settings;
use crate::framing::carry::{
    BYTE_ORDER_MARK, Carry, FramingState, LineIndent, LineValue, OpenObject,
};
use crate::framing::grammar::{Automaton, Step};
use crate::framing::recovery::{
    BracketStep, BracketTracker, BrokenStretch, RequiredProof, Unproven,
};
use crate::reject::{Collected, Condenser, Found, Raw, Reason, Rejected, Sink, is_white_space};
use crate::tally::Tally;

/// Decodes a segment.
pub(super) fn decode(settings: &Settings, bytes: Bytes, carry: Carry) -> Decoded {
    let mut segment = Segment::new(settings, &bytes, &carry);
    let state = segment.walk(carry.state);
    segment.finish(state)
}

/// Ends a file.
pub(super) fn finish(settings: &Settings, carry: Carry) -> Decoded {
    let bytes = Bytes::new();
    let mut segment = Segment::new(settings, &bytes, &carry);
    segment.end_file(carry.state);
    segment.finish(FramingState::BetweenObjects)
}

struct Segment<'a> {
    settings: &'a Settings,
    bytes: &'a [u8],
    /// Offset of the segment in the file.
    segment_offset: u64,
    /// Newlines before the segment.
    lines: u64,
    /// The next byte to read, as an offset in the segment.
    at: usize,
    /// The segment has ended, and its part of the open object is in the carry.
    suspended: bool,
    /// Whether the position is inside a top-level array.
    array: bool,
    /// The indentation of the current line, as of `line_indent_at`.
    line_indent: LineIndent,
    line_indent_at: usize,
    /// Newlines in the segment before `counted_at`.
    counted: u64,
    counted_at: usize,
    /// The segment may not be UTF-8: check each object.
    check_utf8: bool,
    rows: RowBuilder<'a>,
    general: GeneralPath<'a>,
    shapes: Shapes,
    rejected: Condenser,
    tally: Tally,
}

impl<'a> Segment<'a> {
    fn new(settings: &'a Settings, bytes: &'a Bytes, carry: &Carry) -> Segment<'a> {
        Segment {
            settings,
            bytes,
            segment_offset: carry.offset,
            lines: carry.lines,
            at: 0,
            suspended: bytes.is_empty(),
            array: carry.array,
            line_indent: carry.line_indent,
            line_indent_at: 0,
            counted: 0,
            counted_at: 0,
            check_utf8: !is_utf8(bytes),
            rows: RowBuilder::new(&settings.spec, &settings.schema, bytes.len()),
            general: GeneralPath::new(&settings.spec, settings.depth_max),
            shapes: Shapes::new(&settings.spec),
            rejected: Condenser::new(settings.spec.finder.clone()),
            tally: Tally::default(),
        }
    }

    fn walk(&mut self, mut state: FramingState) -> FramingState {
        while self.at < self.bytes.len() {
            state = match state {
                FramingState::AtStart(seen) => self.read_byte_order_mark(seen),
                FramingState::BetweenObjects => self.read_objects(),
                FramingState::InObject(open) => self.follow_object(open),
                FramingState::AwaitingProof(open) => self.await_proof(open),
                FramingState::Recovering(broken) => self.find_next_object(broken),
            };
        }
        // An object that began or ended with the last byte is not in the carry yet.
        match state {
            FramingState::InObject(open) if !self.suspended => self.follow_object(open),
            FramingState::AwaitingProof(open) if !self.suspended => self.await_proof(open),
            state => state,
        }
    }

    fn finish(mut self, state: FramingState) -> Decoded {
        self.sync_line_indent(self.bytes.len());
        self.shapes.count_unknown(&mut self.tally);
        self.tally.newlines = newlines(self.bytes);
        Decoded {
            batches: self.rows.finish(),
            rejected: self.rejected.finish(),
            carry: Carry {
                offset: self.segment_offset + self.bytes.len() as u64,
                lines: self.lines + self.tally.newlines,
                state,
                array: self.array,
                line_indent: self.line_indent,
            },
            tally: self.tally,
        }
    }

    /// Reads a byte order mark at the start of the file, if there is one.
    fn read_byte_order_mark(&mut self, seen: usize) -> FramingState {
        if self.bytes[self.at] == BYTE_ORDER_MARK[seen] {
            self.at += 1;
            if seen + 1 < BYTE_ORDER_MARK.len() {
                return FramingState::AtStart(seen + 1);
            }
            // The mark does not indent the first line.
            self.line_indent_at = self.at;
            self.tally.bytes_separators += BYTE_ORDER_MARK.len() as u64;
            return FramingState::BetweenObjects;
        }
        if seen == 0 {
            return FramingState::BetweenObjects;
        }
        // The bytes only began like one. At the start of the file, the bytes seen
        // are in this segment or were the only ones before it.
        self.line_indent.is_blank = false;
        self.line_indent_at = self.at;
        let mut garbage = self.new_garbage(0, self.lines + 1);
        garbage.sink.feed(&BYTE_ORDER_MARK[..seen]);
        for byte in &BYTE_ORDER_MARK[..seen] {
            garbage.brackets.feed(*byte);
        }
        FramingState::Recovering(Box::new(garbage))
    }

    /// Reads separators and valid objects.
    fn read_objects(&mut self) -> FramingState {
        let bytes = self.bytes;
        let mut at = self.at;
        let mut separators_from = at;
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'{' => {
                    self.tally.bytes_separators += (at - separators_from) as u64;
                    match self.read_object(at) {
                        Some(end) => at = end,
                        None => {
                            self.at = at;
                            return FramingState::InObject(Box::new(self.begin_object(at, None)));
                        }
                    }
                    separators_from = at;
                }
                b' ' | b'\n' | b'\r' | b'\t' | b',' => at += 1,
                b']' if self.array => {
                    self.array = false;
                    at += 1;
                }
                byte => {
                    self.tally.bytes_separators += (at - separators_from) as u64;
                    self.at = at;
                    self.sync_line_indent(at);
                    let line = self.line(at);
                    let mut garbage = self.new_garbage(self.segment_offset + at as u64, line);
                    garbage.maybe_array = *byte == b'[' && !self.array;
                    return FramingState::Recovering(Box::new(garbage));
                }
            }
        }
        self.tally.bytes_separators += (at - separators_from) as u64;
        self.at = at;
        FramingState::BetweenObjects
    }

    /// Reads the object at `at` if it is complete and valid. Returns where it ends.
    #[inline(always)]
    fn read_object(&mut self, at: usize) -> Option<usize> {
        if self.settings.fast {
            let taken = self.shapes.object(
                self.bytes,
                at,
                self.check_utf8,
                &mut self.rows,
                &mut self.tally,
            );
            if let Some(taken) = taken {
                let (FastOutcome::Row(end) | FastOutcome::Filtered(end)) = taken;
                match taken {
                    FastOutcome::Row(_) => self.tally.rows += 1,
                    FastOutcome::Filtered(_) => self.tally.filtered += 1,
                }
                self.tally.objects += 1;
                self.tally.bytes_rows += (end - at) as u64;
                return Some(end);
            }
        }
        self.read_by_general_path(at)
    }

    #[inline(never)]
    fn read_by_general_path(&mut self, at: usize) -> Option<usize> {
        let limit = at.saturating_add(self.settings.spec.limits.object_bytes_max);
        let bytes = &self.bytes[..limit.min(self.bytes.len())];
        let outcome = self.general.object(
            bytes,
            at,
            self.check_utf8,
            &mut self.rows,
            self.settings.fast.then_some(&mut self.shapes),
            &mut self.tally,
        );
        let misfits = self.general.take_misfits();
        let line = match outcome {
            Outcome::Rejected { .. } => self.line(at),
            _ if !misfits.is_empty() => self.line(at),
            _ => 0,
        };
        let offset = self.segment_offset + at as u64;
        self.count_outcome(bytes, at, (offset, line), outcome, &misfits)
    }

    /// Counts the outcome of the object at `bytes[at..]`, which has this offset and
    /// line in the file. Returns where the object ends.
    fn count_outcome(
        &mut self,
        bytes: &[u8],
        at: usize,
        (offset, line): (u64, u64),
        outcome: Outcome,
        misfits: &[Misfit],
    ) -> Option<usize> {
        match outcome {
            Outcome::Row { end } => {
                self.tally.rows += 1;
                self.tally.objects += 1;
                self.tally.bytes_rows += (end - at) as u64;
                self.reject_misfits(bytes, at, (offset, line), misfits);
                Some(end)
            }
            Outcome::Filtered { end } => {
                self.tally.filtered += 1;
                self.tally.objects += 1;
                self.tally.bytes_rows += (end - at) as u64;
                self.reject_misfits(bytes, at, (offset, line), misfits);
                Some(end)
            }
            Outcome::Rejected {
                end,
                reason,
                detail,
            } => {
                let mut sink = self.new_sink();
                sink.feed(&bytes[at..end]);
                let collected = sink.finish();
                self.reject(offset, line, reason, detail, collected);
                Some(end)
            }
            Outcome::Unreadable => None,
        }
    }

    /// Rejects the misfits of a row. Their bytes no longer count as the row's.
    fn reject_misfits(
        &mut self,
        bytes: &[u8],
        at: usize,
        (offset, line): (u64, u64),
        misfits: &[Misfit],
    ) {
        for misfit in misfits {
            let value = &bytes[misfit.from..misfit.to];
            let mut sink = self.new_sink();
            sink.feed(value);
            let collected = sink.finish();
            let place = offset + (misfit.from - at) as u64;
            let line = line + newlines(&bytes[at..misfit.from]);
            let column = &self.settings.spec.schema.columns[misfit.column].name;
            let detail = format!("column {column}: {}; it is null in its row", misfit.detail);
            *self.tally.misfits.entry(column.clone()).or_default() += 1;
            self.tally.bytes_rows -= value.len() as u64;
            self.reject(place, line, Reason::Misfit, detail, collected);
        }
    }

    /// Begins to follow the object whose brace is at `at`, byte by byte.
    fn begin_object(&mut self, at: usize, unproven: Option<Unproven>) -> OpenObject {
        self.sync_line_indent(at);
        let open = OpenObject {
            start: self.segment_offset + at as u64,
            line: self.line(at),
            indent: self.line_indent.width,
            automaton: Automaton::opened(),
            held: Vec::new(),
            oversize: None,
            string_end: 0,
            previous: b'{',
            line_value: None,
            unproven,
            end: 0,
        };
        self.sync_line_indent(at + 1);
        self.at = at + 1;
        open
    }

    /// Follows an object until it ends or breaks, or the segment ends.
    fn follow_object(&mut self, mut open: Box<OpenObject>) -> FramingState {
        let bytes = self.bytes;
        let object_bytes_max = self.settings.spec.limits.object_bytes_max as u64;
        // Offset of the object's bytes in this segment that are not held yet.
        let mut from = self.index_of(open.start);
        loop {
            let offset = self.segment_offset + self.at as u64;
            if self.at == bytes.len() {
                self.suspended = true;
                match &mut open.oversize {
                    Some(sink) => sink.feed(&bytes[from..]),
                    None => open.held.extend_from_slice(&bytes[from..]),
                }
                return FramingState::InObject(open);
            }
            if open.oversize.is_none() && offset - open.start >= object_bytes_max {
                let mut sink = self.new_sink();
                sink.feed(&std::mem::take(&mut open.held));
                sink.feed(&bytes[from..self.at]);
                from = self.at;
                open.oversize = Some(sink);
            }
            if open.automaton.in_text() {
                let mut end = scan::skip_plain_text(bytes, self.at).unwrap_or(bytes.len());
                if open.oversize.is_none() {
                    let room = object_bytes_max - (offset - open.start);
                    end = end.min(self.at.saturating_add(room as usize));
                }
                if let Some(last) = bytes[self.at..end].iter().rfind(|b| !is_white_space(**b)) {
                    open.previous = *last;
                }
                if end > self.at {
                    self.at = end;
                    self.line_indent_at = end;
                    continue;
                }
            }
            let byte = bytes[self.at];
            self.note_line_value(&mut open, byte, offset);
            let in_text = open.automaton.in_text();
            let step = open.automaton.step(byte, self.settings.depth_max);
            if let Step::Broken(reason, detail) = step {
                return self.handle_break(open, from, reason, detail);
            }
            if in_text && byte == b'"' {
                open.string_end = offset + 1;
            }
            if let Some(value) = &mut open.line_value
                && value.end.is_none()
                && byte == b'}'
                && open.automaton.nesting().depth() + 1 == value.depth
                && !open.automaton.in_string()
            {
                value.end = Some(offset + 1);
            }
            if !is_white_space(byte) {
                open.previous = byte;
            }
            self.line_indent.feed(byte);
            self.at += 1;
            self.line_indent_at = self.at;
            if step == Step::Done {
                open.end = offset + 1;
                return self.complete_object(open, from);
            }
        }
    }

    /// Remembers a field's value that begins a line as a record does, until the
    /// object around it continues.
    fn note_line_value(&self, open: &mut OpenObject, byte: u8, offset: u64) {
        if is_white_space(byte) {
            return;
        }
        if let Some(LineValue { end: Some(_), .. }) = open.line_value
            && byte != b','
            && (byte == b'"' || byte == b'}' || byte == b']')
        {
            // `]` may belong to the top-level array: `handle_break` checks that
            // first.
            if byte != b']' || open.automaton.nesting().in_array() {
                open.line_value = None;
            }
        }
        if byte == b'{'
            && open.automaton.at_field_value()
            && self.line_indent.is_blank
            && self.line_indent.width <= open.indent
            && open.oversize.is_none()
        {
            open.line_value = Some(LineValue {
                start: offset,
                depth: open.automaton.nesting().depth() + 1,
                end: None,
            });
        }
    }

    /// Completes the object that ended with the byte before `self.at`.
    fn complete_object(&mut self, mut open: Box<OpenObject>, from: usize) -> FramingState {
        if let Some(mut sink) = open.oversize.take() {
            sink.feed(&self.bytes[from..self.at]);
            self.reject_sink(open.start, open.line, Reason::TooLarge, TOO_LARGE, sink);
            return FramingState::BetweenObjects;
        }
        if open.unproven.is_some() {
            return FramingState::AwaitingProof(open);
        }
        self.decode_object(&open, open.start, open.line, open.end);
        FramingState::BetweenObjects
    }

    /// Decodes the object at `start..end`, which the grammar accepted, from the
    /// bytes of `open`.
    fn decode_object(&mut self, open: &OpenObject, start: u64, line: u64, end: u64) {
        let (before, own) = self.bytes_of(open, start, end);
        let outcome = if before.is_empty() {
            let at = (start - self.segment_offset) as usize;
            let bytes = &self.bytes[..at + own.len()];
            let outcome = self.general.object(
                bytes,
                at,
                self.check_utf8,
                &mut self.rows,
                None,
                &mut self.tally,
            );
            let misfits = self.general.take_misfits();
            self.count_outcome(bytes, at, (start, line), outcome, &misfits)
        } else {
            let whole = [before, own].concat();
            let outcome =
                self.general
                    .object(&whole, 0, true, &mut self.rows, None, &mut self.tally);
            let misfits = self.general.take_misfits();
            self.count_outcome(&whole, 0, (start, line), outcome, &misfits)
        };
        debug_assert!(outcome.is_some(), "the grammars agree");
        if outcome.is_none() {
            let (before, own) = self.bytes_of(open, start, end);
            let mut sink = self.new_sink();
            sink.feed(before);
            sink.feed(own);
            self.reject_sink(start, line, Reason::Syntax, "not a valid object", sink);
        }
    }

    /// Applies the recovery rules to an object that breaks at the byte at
    /// `self.at`.
    fn handle_break(
        &mut self,
        mut open: Box<OpenObject>,
        from: usize,
        reason: Reason,
        detail: &'static str,
    ) -> FramingState {
        let byte = self.bytes[self.at];
        let offset = self.segment_offset + self.at as u64;
        let at_line_start = self.line_indent.is_blank;
        let nesting = open.automaton.nesting();
        if self.accept_line_value(
            &open,
            byte == b'{' || byte == b']' && self.array && at_line_start,
            offset,
        ) {
            return FramingState::BetweenObjects;
        }
        let unproven = Unproven {
            proof: if nesting.in_array() {
                RequiredProof::NextObject
            } else {
                RequiredProof::EndOfLine
            },
            outer: BracketTracker::inside(nesting, open.automaton.in_string(), open.previous),
            indent: open.indent,
        };
        if byte == b'{'
            && reason != Reason::TooDeep
            && (open.automaton.in_string()
                || !nesting.in_array()
                || at_line_start && self.line_indent.width <= open.indent)
        {
            self.reject_open(&mut open, from, offset, Reason::Truncated, CUT_OFF);
            return FramingState::InObject(Box::new(self.begin_object(self.at, Some(unproven))));
        }
        if let Some(start) = self.brace_at_string_end(&open, offset) {
            let next = self.object_since(&open, start, unproven);
            self.reject_open(&mut open, from, start, Reason::Truncated, CUT_OFF);
            return FramingState::InObject(Box::new(next));
        }
        FramingState::Recovering(Box::new(self.broken_stretch(
            *open,
            from,
            reason,
            detail,
            unproven.outer,
        )))
    }

    /// The object whose brace is at `start`, inside a string of `open`. It is
    /// followed up to `self.at`.
    fn object_since(&self, open: &OpenObject, start: u64, unproven: Unproven) -> OpenObject {
        let offset = self.segment_offset + self.at as u64;
        let (before, own) = self.bytes_of(open, start, offset);
        let mut automaton = Automaton::opened();
        for byte in before.iter().chain(own).skip(1) {
            automaton.step(*byte, self.settings.depth_max);
        }
        OpenObject {
            start,
            line: self.line_in(open, start),
            indent: self.line_indent.width,
            automaton,
            held: before.to_vec(),
            oversize: None,
            string_end: 0,
            previous: b'"',
            line_value: None,
            unproven: Some(unproven),
            end: 0,
        }
    }

    /// The rejected stretch that begins with an object broken at `self.at`.
    fn broken_stretch(
        &self,
        open: OpenObject,
        from: usize,
        reason: Reason,
        detail: &'static str,
        brackets: BracketTracker,
    ) -> BrokenStretch {
        let (kind, detail) = match open.oversize {
            Some(_) => (Reason::TooLarge, TOO_LARGE),
            None => (reason, detail),
        };
        let mut sink = open.oversize.unwrap_or_else(|| {
            let mut sink = self.new_sink();
            sink.feed(&open.held);
            sink
        });
        sink.feed(&self.bytes[from..self.at]);
        BrokenStretch {
            start: open.start,
            line: open.line,
            kind,
            detail,
            sink,
            brackets,
            indent: open.indent,
            ends_at_bracket: true,
            held_brace: false,
            maybe_array: false,
        }
    }

    /// Applies rule 5: if the object just before `offset` began a line as the value
    /// of a field, and a record follows, it is a record too, and the object around
    /// it was cut off.
    fn accept_line_value(&mut self, open: &OpenObject, record_follows: bool, offset: u64) -> bool {
        let Some(LineValue {
            start,
            end: Some(end),
            ..
        }) = open.line_value
        else {
            return false;
        };
        if !record_follows || !open.automaton.between_fields() || open.oversize.is_some() {
            return false;
        }
        let line = self.line_in(open, start);
        let mut sink = self.new_sink();
        let (before, own) = self.bytes_of(open, open.start, start);
        sink.feed(before);
        sink.feed(own);
        self.reject_sink(open.start, open.line, Reason::Truncated, CUT_OFF, sink);
        self.decode_object(open, start, line, end);
        self.tally.bytes_separators += offset - end;
        true
    }

    /// Applies rule 4: the offset of the brace that is the last byte of a string
    /// that holds the break. There the object was cut off and another one begins.
    fn brace_at_string_end(&self, open: &OpenObject, offset: u64) -> Option<u64> {
        let string_end = if open.automaton.in_string() {
            offset
        } else if open.string_end == offset {
            offset - 1
        } else {
            return None;
        };
        if open.oversize.is_some() {
            return None;
        }
        let (before, own) = self.bytes_of(open, open.start + 1, string_end);
        let content = own.iter().rev().chain(before.iter().rev());
        let blanks = content.clone().take_while(|b| is_white_space(**b)).count();
        let brace = content.clone().nth(blanks) == Some(&b'{');
        brace.then(|| string_end - blanks as u64 - 1)
    }

    /// Finds the next object after a break.
    fn find_next_object(&mut self, mut broken: Box<BrokenStretch>) -> FramingState {
        let bytes = self.bytes;
        let from = self.at;
        loop {
            if self.at == bytes.len() {
                // A held brace is not fed: it may begin the next object.
                let end = bytes.len() - usize::from(broken.held_brace);
                if end > from {
                    broken.sink.feed(&bytes[from..end]);
                }
                return FramingState::Recovering(broken);
            }
            let byte = bytes[self.at];
            if broken.maybe_array {
                let first = self.segment_offset + self.at as u64 == broken.start;
                if first || is_white_space(byte) {
                    self.step_over(byte);
                    continue;
                }
                if matches!(byte, b'{' | b']') {
                    self.array = true;
                    self.tally.bytes_separators +=
                        self.segment_offset + self.at as u64 - broken.start;
                    return FramingState::BetweenObjects;
                }
                broken.maybe_array = false;
                broken.brackets.feed(b'[');
            }
            if broken.held_brace {
                if byte == b'"' {
                    return self.begin_next_object(broken, from, self.at.checked_sub(1));
                }
                broken.held_brace = false;
                broken.brackets.feed(b'{');
                if self.at == 0 {
                    broken.sink.feed(b"{");
                }
            }
            let at_line_start = self.line_indent.is_blank;
            let indented = broken.brackets.is_clear() || self.line_indent.width <= broken.indent;
            if byte == b'{' {
                if at_line_start && indented && !broken.brackets.at_element() {
                    return self.begin_next_object(broken, from, Some(self.at));
                }
                if !broken.brackets.at_value() {
                    broken.held_brace = true;
                    self.step_over(byte);
                    continue;
                }
            }
            if byte == b']'
                && at_line_start
                && indented
                && self.array
                && !broken.brackets.in_array()
            {
                self.end_broken(*broken, from, self.at);
                return FramingState::BetweenObjects;
            }
            match broken.brackets.feed(byte) {
                BracketStep::Closed if broken.ends_at_bracket => {
                    self.step_over(byte);
                    self.end_broken(*broken, from, self.at);
                    return FramingState::BetweenObjects;
                }
                BracketStep::ClosedBefore if broken.ends_at_bracket => {
                    self.end_broken(*broken, from, self.at);
                    return FramingState::BetweenObjects;
                }
                BracketStep::ClosedBefore => {
                    broken.brackets.feed(byte);
                }
                BracketStep::Closed | BracketStep::More => {}
            }
            self.step_over(byte);
        }
    }

    /// Ends the rejected stretch at the brace at `at`, where an object begins.
    /// `None`: the brace is the last byte of the segment before.
    fn begin_next_object(
        &mut self,
        broken: Box<BrokenStretch>,
        from: usize,
        at: Option<usize>,
    ) -> FramingState {
        let unproven = (!broken.brackets.is_clear()).then(|| Unproven {
            proof: broken.brackets.required_proof(),
            outer: broken.brackets.clone(),
            indent: broken.indent,
        });
        self.end_broken(*broken, from, at.unwrap_or(0));
        let open = match at {
            Some(at) if at == self.at => self.begin_object(at, unproven),
            // The walk is past the brace: the indentation is that of its line.
            passed => OpenObject {
                start: self.segment_offset + self.at as u64 - 1,
                line: self.line(self.at),
                indent: self.line_indent.width,
                automaton: Automaton::opened(),
                held: if passed.is_none() {
                    b"{".to_vec()
                } else {
                    Vec::new()
                },
                oversize: None,
                string_end: 0,
                previous: b'{',
                line_value: None,
                unproven,
                end: 0,
            },
        };
        FramingState::InObject(Box::new(open))
    }

    fn end_broken(&mut self, mut broken: BrokenStretch, from: usize, to: usize) {
        if to > from {
            broken.sink.feed(&self.bytes[from..to]);
        }
        let mut kind = broken.kind;
        let mut detail = broken.detail;
        if kind == Reason::Garbage && broken.sink.bytes().is_some_and(is_json) {
            (kind, detail) = (Reason::NotAnObject, "a value that is not an object");
        }
        self.reject_sink(broken.start, broken.line, kind, detail, broken.sink);
    }

    /// Checks whether the bytes after an object prove that it stands on its own.
    fn await_proof(&mut self, mut open: Box<OpenObject>) -> FramingState {
        let bytes = self.bytes;
        let Some(mut unproven) = open.unproven.take() else {
            return FramingState::BetweenObjects;
        };
        loop {
            let Some(byte) = bytes.get(self.at) else {
                self.suspended = true;
                if open.end > self.segment_offset {
                    let from = self.index_of(open.start);
                    let to = (open.end - self.segment_offset) as usize;
                    open.held.extend_from_slice(&bytes[from..to]);
                }
                open.unproven = Some(unproven);
                return FramingState::AwaitingProof(open);
            };
            let proven = match byte {
                b'{' => true,
                b']' => self.array,
                b'\n' if unproven.proof == RequiredProof::EndOfLine => true,
                b' ' | b'\t' | b'\r' | b'\n' | b',' => {
                    if *byte == b',' {
                        // Elements of an array have commas after them, too.
                        unproven.proof = RequiredProof::NextObject;
                    }
                    self.tally.bytes_separators += 1;
                    self.step_over(*byte);
                    continue;
                }
                _ => false,
            };
            if proven {
                self.decode_object(&open, open.start, open.line, open.end);
                return FramingState::BetweenObjects;
            }
            let (before, own) = self.bytes_of(&open, open.start, open.end);
            let mut sink = self.new_sink();
            sink.feed(before);
            sink.feed(own);
            self.reject_sink(open.start, open.line, Reason::Ambiguous, MAY_BE_PART, sink);
            let line = self.line(self.at);
            let mut rest = self.new_garbage(self.segment_offset + self.at as u64, line);
            rest.detail = "what follows an object in doubt";
            rest.brackets = unproven.outer;
            rest.indent = unproven.indent;
            rest.ends_at_bracket = true;
            return FramingState::Recovering(Box::new(rest));
        }
    }

    /// Ends the file in the given state.
    fn end_file(&mut self, state: FramingState) {
        match state {
            FramingState::AtStart(0) | FramingState::BetweenObjects => {}
            FramingState::AtStart(seen) => {
                let mut garbage = self.new_garbage(0, 1);
                garbage.sink.feed(&BYTE_ORDER_MARK[..seen]);
                self.end_broken(garbage, 0, 0);
            }
            FramingState::InObject(mut open) => {
                let offset = self.segment_offset;
                if !self.accept_line_value(&open, true, offset) {
                    self.reject_open(&mut open, 0, offset, Reason::Truncated, FILE_ENDS);
                }
            }
            FramingState::AwaitingProof(open) => {
                self.decode_object(&open, open.start, open.line, open.end)
            }
            FramingState::Recovering(mut broken) => {
                if broken.held_brace {
                    broken.sink.feed(b"{");
                }
                self.end_broken(*broken, 0, 0);
            }
        }
        if self.array {
            self.array = false;
            self.tally.rejected_others += 1;
            self.rejected.push(Rejected {
                offset: self.segment_offset,
                length: 0,
                end: self.segment_offset,
                places: 1,
                line: self.lines + 1,
                kind: Reason::Truncated,
                detail: "the file ends before its top-level array is closed".to_owned(),
                raw: Raw::Bytes(Vec::new()),
                found: Found::default(),
            });
        }
    }

    /// Rejects an open object up to `to`.
    fn reject_open(
        &mut self,
        open: &mut OpenObject,
        from: usize,
        to: u64,
        reason: Reason,
        detail: &'static str,
    ) {
        if let Some(mut sink) = open.oversize.take() {
            let to = (to - self.segment_offset) as usize;
            sink.feed(&self.bytes[from..to]);
            self.reject_sink(open.start, open.line, Reason::TooLarge, TOO_LARGE, sink);
            return;
        }
        let (before, own) = self.bytes_of(open, open.start, to);
        let mut sink = self.new_sink();
        sink.feed(before);
        sink.feed(own);
        self.reject_sink(open.start, open.line, reason, detail, sink);
    }

    fn reject_sink(
        &mut self,
        offset: u64,
        line: u64,
        kind: Reason,
        detail: &'static str,
        sink: Sink,
    ) {
        let collected = sink.finish();
        self.tally.bytes_separators += collected.trailing;
        self.reject(offset, line, kind, detail.to_owned(), collected);
    }

    fn reject(&mut self, offset: u64, line: u64, kind: Reason, detail: String, bytes: Collected) {
        let Collected {
            length, raw, found, ..
        } = bytes;
        self.tally.bytes_rejected += length;
        if kind.is_object() {
            self.tally.objects += 1;
            self.tally.rejected_objects += 1;
        } else {
            self.tally.rejected_others += 1;
        }
        self.rejected.push(Rejected {
            offset,
            length,
            end: offset + length,
            places: 1,
            line,
            kind,
            detail,
            raw,
            found,
        });
    }

    /// A stretch of garbage that begins at `start`; no byte is fed yet.
    fn new_garbage(&self, start: u64, line: u64) -> BrokenStretch {
        BrokenStretch {
            start,
            line,
            kind: Reason::Garbage,
            detail: "bytes between objects",
            sink: self.new_sink(),
            brackets: BracketTracker::outside(),
            indent: 0,
            ends_at_bracket: false,
            held_brace: false,
            maybe_array: false,
        }
    }

    fn new_sink(&self) -> Sink {
        let spec = &self.settings.spec;
        Sink::new(spec.limits.quarantine_bytes_max, spec.finder.as_ref())
    }

    /// Steps over a byte that the slow paths have read.
    fn step_over(&mut self, byte: u8) {
        self.line_indent.feed(byte);
        self.at += 1;
        self.line_indent_at = self.at;
    }

    fn sync_line_indent(&mut self, to: usize) {
        self.line_indent
            .feed_all(&self.bytes[self.line_indent_at..to]);
        self.line_indent_at = to;
    }

    /// The line of a byte of the segment.
    fn line(&mut self, at: usize) -> u64 {
        if at >= self.counted_at {
            self.counted += newlines(&self.bytes[self.counted_at..at]);
        } else {
            self.counted -= newlines(&self.bytes[at..self.counted_at]);
        }
        self.counted_at = at;
        self.lines + self.counted + 1
    }

    /// The line of a byte of an open object.
    fn line_in(&self, open: &OpenObject, at: u64) -> u64 {
        let (before, own) = self.bytes_of(open, open.start, at);
        open.line + newlines(before) + newlines(own)
    }

    /// The offset in the segment of the file's offset `start`, or 0 if `start` lies
    /// before.
    fn index_of(&self, start: u64) -> usize {
        start.saturating_sub(self.segment_offset) as usize
    }

    /// The bytes `from..to` of an open object: those held from earlier segments,
    /// and those of this segment.
    fn bytes_of<'b>(&self, open: &'b OpenObject, from: u64, to: u64) -> (&'b [u8], &'a [u8]) {
        let before_end = to
            .min(self.segment_offset)
            .max(from.min(self.segment_offset));
        let before = if from < self.segment_offset {
            let first = (from - open.start) as usize;
            let end = (before_end - open.start) as usize;
            &open.held[first..end]
        } else {
            &[]
        };
        let own = if to > self.segment_offset {
            &self.bytes[self.index_of(from)..(to - self.segment_offset) as usize]
        } else {
            &[]
        };
        (before, own)
    }
}

const TOO_LARGE: &str = "longer than the limit for one object";
const CUT_OFF: &str = "another object begins before its end";
const FILE_ENDS: &str = "the file ends before its end";
const MAY_BE_PART: &str = "may be a part of the broken object before it";

fn newlines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// Whether all objects that lie in the segment as a whole are UTF-8. A character
/// cut by the segment's start or end belongs to none of them.
fn is_utf8(bytes: &[u8]) -> bool {
    let cut = bytes
        .iter()
        .take(3)
        .take_while(|byte| **byte & 0xC0 == 0x80)
        .count();
    match std::str::from_utf8(&bytes[cut..]) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    }
}

/// Whether the bytes are a sequence of JSON values.
fn is_json(bytes: &[u8]) -> bool {
    serde_json::Deserializer::from_slice(bytes)
        .into_iter::<serde::de::IgnoredAny>()
        .all(|value| value.is_ok())
}
