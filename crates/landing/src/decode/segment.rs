//! One segment from its carry to the next: the walk over the bytes.
//!
//! Between objects the walk is in [`Segment::between`], which tries the fast
//! path, then the general path. An object that neither can read is followed
//! byte by byte in [`Segment::object`]; where it breaks, the rules of the
//! crate's documentation choose what comes next in [`Segment::break_off`], and
//! [`Segment::broken`] looks for the next object. [`Segment::proof`] holds an
//! object found that way until what follows proves it.

use bytes::Bytes;

use super::decoded::Decoded;
use super::fast::{Shapes, Taken};
use super::general::{General, Outcome};
use super::rows::Rows;
use super::scan;
use super::settings::Settings;
use crate::framing::carry::{Carry, LineValue, MARK, Margin, Open, Place};
use crate::framing::grammar::{Automaton, Step};
use crate::framing::recovery::{Broken, Doubt, Loose, Loosely, Proof};
use crate::reject::{Closed, Condenser, Found, Raw, Reason, Rejected, Sink, is_blank};
use crate::tally::Tally;

/// Decodes a segment.
pub(super) fn decode(settings: &Settings, bytes: Bytes, carry: Carry) -> Decoded {
    let mut segment = Segment::new(settings, &bytes, &carry);
    let place = segment.walk(carry.place);
    segment.close(place)
}

/// Ends a file.
pub(super) fn finish(settings: &Settings, carry: Carry) -> Decoded {
    let bytes = Bytes::new();
    let mut segment = Segment::new(settings, &bytes, &carry);
    segment.end(carry.place);
    segment.close(Place::Between)
}

struct Segment<'a> {
    settings: &'a Settings,
    bytes: &'a [u8],
    /// Where the segment begins in the file.
    base: u64,
    /// Newlines counted before it.
    lines: u64,
    /// The next byte to look at.
    at: usize,
    /// The segment ended and its part of what is open has been put into the
    /// carry.
    suspended: bool,
    /// Inside a top-level array.
    array: bool,
    /// The margin of the line of `margin_at`, as of there.
    margin: Margin,
    margin_at: usize,
    /// Newlines before `counted_at` in the segment.
    counted: u64,
    counted_at: usize,
    /// The segment is not known to be UTF-8: ask of each object.
    check_utf8: bool,
    rows: Rows<'a>,
    general: General<'a>,
    shapes: Shapes,
    rejected: Condenser,
    tally: Tally,
}

impl<'a> Segment<'a> {
    fn new(settings: &'a Settings, bytes: &'a Bytes, carry: &Carry) -> Segment<'a> {
        Segment {
            settings,
            bytes,
            base: carry.offset,
            lines: carry.lines,
            at: 0,
            suspended: bytes.is_empty(),
            array: carry.array,
            margin: carry.margin,
            margin_at: 0,
            counted: 0,
            counted_at: 0,
            check_utf8: !is_utf8(bytes),
            rows: Rows::new(&settings.spec, &settings.schema, bytes.len()),
            general: General::new(&settings.spec, settings.depth_max),
            shapes: Shapes::new(&settings.spec),
            rejected: Condenser::new(settings.spec.finder.clone()),
            tally: Tally::default(),
        }
    }

    fn walk(&mut self, mut place: Place) -> Place {
        while self.at < self.bytes.len() {
            place = match place {
                Place::Mark(seen) => self.mark(seen),
                Place::Between => self.between(),
                Place::Object(open) => self.object(open),
                Place::Proof(open) => self.proof(open),
                Place::Broken(broken) => self.broken(broken),
            };
        }
        // An object that began or ended with the last byte has not been put
        // into the carry yet.
        match place {
            Place::Object(open) if !self.suspended => self.object(open),
            Place::Proof(open) if !self.suspended => self.proof(open),
            place => place,
        }
    }

    fn close(mut self, place: Place) -> Decoded {
        self.sync_margin(self.bytes.len());
        self.shapes.count_unknown(&mut self.tally);
        self.tally.newlines = newlines(self.bytes);
        Decoded {
            batches: self.rows.finish(),
            rejected: self.rejected.finish(),
            carry: Carry {
                offset: self.base + self.bytes.len() as u64,
                lines: self.lines + self.tally.newlines,
                place,
                array: self.array,
                margin: self.margin,
            },
            tally: self.tally,
        }
    }

    /// At the start of the file: a byte order mark, or the first byte.
    fn mark(&mut self, seen: usize) -> Place {
        if self.bytes[self.at] == MARK[seen] {
            self.at += 1;
            if seen + 1 < MARK.len() {
                return Place::Mark(seen + 1);
            }
            // The mark does not indent the first line.
            self.margin_at = self.at;
            self.tally.bytes_separators += MARK.len() as u64;
            return Place::Between;
        }
        if seen == 0 {
            return Place::Between;
        }
        // It only began like one. At the start of the file the bytes seen are
        // in this segment or were all there was before it.
        self.margin.blank = false;
        self.margin_at = self.at;
        let mut garbage = self.garbage(0, self.lines + 1);
        garbage.sink.feed(&MARK[..seen]);
        for byte in &MARK[..seen] {
            garbage.loose.feed(*byte);
        }
        Place::Broken(Box::new(garbage))
    }

    /// Separators and good objects.
    fn between(&mut self) -> Place {
        let bytes = self.bytes;
        let mut at = self.at;
        let mut separators_from = at;
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'{' => {
                    self.tally.bytes_separators += (at - separators_from) as u64;
                    match self.read(at) {
                        Some(end) => at = end,
                        None => {
                            self.at = at;
                            return Place::Object(Box::new(self.open(at, None)));
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
                    self.sync_margin(at);
                    let line = self.line(at);
                    let mut garbage = self.garbage(self.base + at as u64, line);
                    garbage.array = *byte == b'[' && !self.array;
                    return Place::Broken(Box::new(garbage));
                }
            }
        }
        self.tally.bytes_separators += (at - separators_from) as u64;
        self.at = at;
        Place::Between
    }

    /// Reads the object at `at` if it is whole and valid: where it ends.
    #[inline(always)]
    fn read(&mut self, at: usize) -> Option<usize> {
        if self.settings.fast {
            let taken = self.shapes.object(
                self.bytes,
                at,
                self.check_utf8,
                &mut self.rows,
                &mut self.tally,
            );
            if let Some(taken) = taken {
                let (Taken::Row(end) | Taken::Filtered(end)) = taken;
                match taken {
                    Taken::Row(_) => self.tally.rows += 1,
                    Taken::Filtered(_) => self.tally.filtered += 1,
                }
                self.tally.objects += 1;
                self.tally.bytes_rows += (end - at) as u64;
                return Some(end);
            }
        }
        self.read_generally(at)
    }

    #[inline(never)]
    fn read_generally(&mut self, at: usize) -> Option<usize> {
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
        let line = match outcome {
            Outcome::Rejected { .. } => self.line(at),
            _ => 0,
        };
        self.account(bytes, at, self.base + at as u64, line, outcome)
    }

    /// Counts what an object at `bytes[at..]` came to; where it ends.
    fn account(
        &mut self,
        bytes: &[u8],
        at: usize,
        offset: u64,
        line: u64,
        outcome: Outcome,
    ) -> Option<usize> {
        match outcome {
            Outcome::Row { end } => {
                self.tally.rows += 1;
                self.tally.objects += 1;
                self.tally.bytes_rows += (end - at) as u64;
                Some(end)
            }
            Outcome::Filtered { end } => {
                self.tally.filtered += 1;
                self.tally.objects += 1;
                self.tally.bytes_rows += (end - at) as u64;
                Some(end)
            }
            Outcome::Rejected {
                end,
                reason,
                detail,
            } => {
                let mut sink = self.sink();
                sink.feed(&bytes[at..end]);
                let closed = sink.close();
                self.reject(offset, line, reason, detail, closed);
                Some(end)
            }
            Outcome::Unreadable => None,
        }
    }

    /// An object that begins with the brace at `at`, to be followed by bytes.
    fn open(&mut self, at: usize, doubt: Option<Doubt>) -> Open {
        self.sync_margin(at);
        let open = Open {
            start: self.base + at as u64,
            line: self.line(at),
            indent: self.margin.indent,
            automaton: Automaton::opened(),
            before: Vec::new(),
            oversize: None,
            string_end: 0,
            previous: b'{',
            line_value: None,
            doubt,
            end: 0,
        };
        self.sync_margin(at + 1);
        self.at = at + 1;
        open
    }

    /// Follows an object until it ends, breaks, or the segment ends.
    fn object(&mut self, mut open: Box<Open>) -> Place {
        let bytes = self.bytes;
        let object_bytes_max = self.settings.spec.limits.object_bytes_max as u64;
        // What of the object lies in this segment and is not yet held.
        let mut from = self.own(open.start);
        loop {
            let offset = self.base + self.at as u64;
            if self.at == bytes.len() {
                self.suspended = true;
                match &mut open.oversize {
                    Some(sink) => sink.feed(&bytes[from..]),
                    None => open.before.extend_from_slice(&bytes[from..]),
                }
                return Place::Object(open);
            }
            if open.oversize.is_none() && offset - open.start >= object_bytes_max {
                let mut sink = self.sink();
                sink.feed(&std::mem::take(&mut open.before));
                sink.feed(&bytes[from..self.at]);
                from = self.at;
                open.oversize = Some(sink);
            }
            if open.automaton.in_text() {
                let mut end = scan::plain(bytes, self.at).unwrap_or(bytes.len());
                if open.oversize.is_none() {
                    let room = object_bytes_max - (offset - open.start);
                    end = end.min(self.at.saturating_add(room as usize));
                }
                if let Some(last) = bytes[self.at..end].iter().rfind(|b| !is_blank(**b)) {
                    open.previous = *last;
                }
                if end > self.at {
                    self.at = end;
                    self.margin_at = end;
                    continue;
                }
            }
            let byte = bytes[self.at];
            self.watch_line_values(&mut open, byte, offset);
            let in_text = open.automaton.in_text();
            let step = open.automaton.step(byte, self.settings.depth_max);
            if let Step::Broken(reason, detail) = step {
                return self.break_off(open, from, reason, detail);
            }
            if in_text && byte == b'"' {
                open.string_end = offset + 1;
            }
            if let Some(value) = &mut open.line_value
                && value.end.is_none()
                && byte == b'}'
                && open.automaton.nest().depth() + 1 == value.depth
                && !open.automaton.in_string()
            {
                value.end = Some(offset + 1);
            }
            if !is_blank(byte) {
                open.previous = byte;
            }
            self.margin.feed(byte);
            self.at += 1;
            self.margin_at = self.at;
            if step == Step::Done {
                open.end = offset + 1;
                return self.complete(open, from);
            }
        }
    }

    /// Remembers a field's value that begins a line like a record does, until
    /// the object goes on after it.
    fn watch_line_values(&self, open: &mut Open, byte: u8, offset: u64) {
        if is_blank(byte) {
            return;
        }
        if let Some(LineValue { end: Some(_), .. }) = open.line_value
            && byte != b','
            && (byte == b'"' || byte == b'}' || byte == b']')
        {
            // `]` may belong to the top-level array: `break_off` asks first.
            if byte != b']' || open.automaton.nest().in_array() {
                open.line_value = None;
            }
        }
        if byte == b'{'
            && open.automaton.at_field_value()
            && self.margin.blank
            && self.margin.indent <= open.indent
            && open.oversize.is_none()
        {
            open.line_value = Some(LineValue {
                start: offset,
                depth: open.automaton.nest().depth() + 1,
                end: None,
            });
        }
    }

    /// An object ended with the byte before `self.at`.
    fn complete(&mut self, mut open: Box<Open>, from: usize) -> Place {
        if let Some(mut sink) = open.oversize.take() {
            sink.feed(&self.bytes[from..self.at]);
            self.reject_sink(open.start, open.line, Reason::TooLarge, TOO_LARGE, sink);
            return Place::Between;
        }
        if open.doubt.is_some() {
            return Place::Proof(open);
        }
        self.take_object(&open, open.start, open.line, open.end);
        Place::Between
    }

    /// Decodes the object at `start..end`, which the grammar accepted, out of
    /// the bytes of `open`.
    fn take_object(&mut self, open: &Open, start: u64, line: u64, end: u64) {
        let (before, own) = self.parts(open, start, end);
        let outcome = if before.is_empty() {
            let at = (start - self.base) as usize;
            let bytes = &self.bytes[..at + own.len()];
            let outcome = self.general.object(
                bytes,
                at,
                self.check_utf8,
                &mut self.rows,
                None,
                &mut self.tally,
            );
            self.account(bytes, at, start, line, outcome)
        } else {
            let whole = [before, own].concat();
            let outcome =
                self.general
                    .object(&whole, 0, true, &mut self.rows, None, &mut self.tally);
            self.account(&whole, 0, start, line, outcome)
        };
        debug_assert!(outcome.is_some(), "the grammars agree");
        if outcome.is_none() {
            let (before, own) = self.parts(open, start, end);
            let mut sink = self.sink();
            sink.feed(before);
            sink.feed(own);
            self.reject_sink(start, line, Reason::Syntax, "not a valid object", sink);
        }
    }

    /// An object that cannot go on with the byte at `self.at`: what is it?
    fn break_off(
        &mut self,
        mut open: Box<Open>,
        from: usize,
        reason: Reason,
        detail: &'static str,
    ) -> Place {
        let byte = self.bytes[self.at];
        let offset = self.base + self.at as u64;
        let head = self.margin.blank;
        let nest = open.automaton.nest();
        if self.take_line_value(
            &open,
            byte == b'{' || byte == b']' && self.array && head,
            offset,
        ) {
            return Place::Between;
        }
        let doubt = Doubt {
            proof: if nest.in_array() {
                Proof::Next
            } else {
                Proof::Line
            },
            outer: Loose::inside(nest, open.automaton.in_string(), open.previous),
            indent: open.indent,
        };
        if byte == b'{'
            && reason != Reason::TooDeep
            && (open.automaton.in_string()
                || !nest.in_array()
                || head && self.margin.indent <= open.indent)
        {
            self.reject_open(&mut open, from, offset, Reason::Truncated, CUT_OFF);
            return Place::Object(Box::new(self.open(self.at, Some(doubt))));
        }
        if let Some(start) = self.brace_in_string(&open, offset) {
            let line = self.line_in(&open, start);
            let (before, own) = self.parts(&open, start, offset);
            let mut automaton = Automaton::opened();
            for byte in before.iter().chain(own).skip(1) {
                automaton.step(*byte, self.settings.depth_max);
            }
            let next = Open {
                start,
                line,
                indent: self.margin.indent,
                automaton,
                before: before.to_vec(),
                oversize: None,
                string_end: 0,
                previous: b'"',
                line_value: None,
                doubt: Some(doubt),
                end: 0,
            };
            self.reject_open(&mut open, from, start, Reason::Truncated, CUT_OFF);
            return Place::Object(Box::new(next));
        }
        let (kind, detail) = match open.oversize {
            Some(_) => (Reason::TooLarge, TOO_LARGE),
            None => (reason, detail),
        };
        let sink = match open.oversize.take() {
            Some(mut sink) => {
                sink.feed(&self.bytes[from..self.at]);
                sink
            }
            None => {
                let mut sink = self.sink();
                sink.feed(&open.before);
                sink.feed(&self.bytes[from..self.at]);
                sink
            }
        };
        Place::Broken(Box::new(Broken {
            start: open.start,
            line: open.line,
            kind,
            detail,
            sink,
            loose: doubt.outer,
            indent: open.indent,
            closes: true,
            held: false,
            array: false,
        }))
    }

    /// If the object just before `offset` began a line as the value of a
    /// field, and what follows begins a record, then it was a record too, and
    /// the object around it was cut off.
    fn take_line_value(&mut self, open: &Open, record_follows: bool, offset: u64) -> bool {
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
        let mut sink = self.sink();
        let (before, own) = self.parts(open, open.start, start);
        sink.feed(before);
        sink.feed(own);
        self.reject_sink(open.start, open.line, Reason::Truncated, CUT_OFF, sink);
        self.take_object(open, start, line, end);
        self.tally.bytes_separators += offset - end;
        true
    }

    /// A string that just ended badly, and the last thing in it is a brace:
    /// there the object was cut off and another begins.
    fn brace_in_string(&self, open: &Open, offset: u64) -> Option<u64> {
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
        let (before, own) = self.parts(open, open.start + 1, string_end);
        let content = own.iter().rev().chain(before.iter().rev());
        let blanks = content.clone().take_while(|b| is_blank(**b)).count();
        let brace = content.clone().nth(blanks) == Some(&b'{');
        brace.then(|| string_end - blanks as u64 - 1)
    }

    /// Looks for the next object after a break.
    fn broken(&mut self, mut broken: Box<Broken>) -> Place {
        let bytes = self.bytes;
        let from = self.at;
        loop {
            if self.at == bytes.len() {
                // A held brace is not fed: it may begin the next object.
                let end = bytes.len() - usize::from(broken.held);
                if end > from {
                    broken.sink.feed(&bytes[from..end]);
                }
                return Place::Broken(broken);
            }
            let byte = bytes[self.at];
            if broken.array {
                let first = self.base + self.at as u64 == broken.start;
                if first || is_blank(byte) {
                    self.pass(byte);
                    continue;
                }
                if matches!(byte, b'{' | b']') {
                    self.array = true;
                    self.tally.bytes_separators += self.base + self.at as u64 - broken.start;
                    return Place::Between;
                }
                broken.array = false;
                broken.loose.feed(b'[');
            }
            if broken.held {
                if byte == b'"' {
                    return self.next_object(broken, from, self.at.checked_sub(1));
                }
                broken.held = false;
                broken.loose.feed(b'{');
                if self.at == 0 {
                    broken.sink.feed(b"{");
                }
            }
            let head = self.margin.blank;
            let indented = broken.loose.is_clear() || self.margin.indent <= broken.indent;
            if byte == b'{' {
                if head && indented && !broken.loose.at_element() {
                    return self.next_object(broken, from, Some(self.at));
                }
                if !broken.loose.at_value() {
                    broken.held = true;
                    self.pass(byte);
                    continue;
                }
            }
            if byte == b']' && head && indented && self.array && !broken.loose.in_array() {
                self.end_broken(*broken, from, self.at);
                return Place::Between;
            }
            match broken.loose.feed(byte) {
                Loosely::Closed if broken.closes => {
                    self.pass(byte);
                    self.end_broken(*broken, from, self.at);
                    return Place::Between;
                }
                Loosely::ClosedBefore if broken.closes => {
                    self.end_broken(*broken, from, self.at);
                    return Place::Between;
                }
                Loosely::ClosedBefore => {
                    broken.loose.feed(byte);
                }
                Loosely::Closed | Loosely::More => {}
            }
            self.pass(byte);
        }
    }

    /// An object begins at the brace at `at` (`None`: with the last byte of
    /// the segment before) and ends the broken stretch.
    fn next_object(&mut self, broken: Box<Broken>, from: usize, at: Option<usize>) -> Place {
        let doubt = (!broken.loose.is_clear()).then(|| Doubt {
            proof: broken.loose.proof(),
            outer: broken.loose.clone(),
            indent: broken.indent,
        });
        self.end_broken(*broken, from, at.unwrap_or(0));
        let open = match at {
            Some(at) if at == self.at => self.open(at, doubt),
            // The brace has been passed: its line's margin is that of the
            // byte after it.
            passed => Open {
                start: self.base + self.at as u64 - 1,
                line: self.line(self.at),
                indent: self.margin.indent,
                automaton: Automaton::opened(),
                before: if passed.is_none() {
                    b"{".to_vec()
                } else {
                    Vec::new()
                },
                oversize: None,
                string_end: 0,
                previous: b'{',
                line_value: None,
                doubt,
                end: 0,
            },
        };
        Place::Object(Box::new(open))
    }

    fn end_broken(&mut self, mut broken: Broken, from: usize, to: usize) {
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

    /// Whether what follows an object proves that it stands on its own.
    fn proof(&mut self, mut open: Box<Open>) -> Place {
        let bytes = self.bytes;
        let Some(mut doubt) = open.doubt.take() else {
            return Place::Between;
        };
        loop {
            let Some(byte) = bytes.get(self.at) else {
                self.suspended = true;
                if open.end > self.base {
                    let from = self.own(open.start);
                    let to = (open.end - self.base) as usize;
                    open.before.extend_from_slice(&bytes[from..to]);
                }
                open.doubt = Some(doubt);
                return Place::Proof(open);
            };
            let proven = match byte {
                b'{' => true,
                b']' => self.array,
                b'\n' if doubt.proof == Proof::Line => true,
                b' ' | b'\t' | b'\r' | b'\n' | b',' => {
                    if *byte == b',' {
                        // So do the elements of an array.
                        doubt.proof = Proof::Next;
                    }
                    self.tally.bytes_separators += 1;
                    self.pass(*byte);
                    continue;
                }
                _ => false,
            };
            if proven {
                self.take_object(&open, open.start, open.line, open.end);
                return Place::Between;
            }
            let (before, own) = self.parts(&open, open.start, open.end);
            let mut sink = self.sink();
            sink.feed(before);
            sink.feed(own);
            self.reject_sink(open.start, open.line, Reason::Ambiguous, IN_DOUBT, sink);
            let line = self.line(self.at);
            let mut rest = self.garbage(self.base + self.at as u64, line);
            rest.detail = "what follows an object in doubt";
            rest.loose = doubt.outer;
            rest.indent = doubt.indent;
            rest.closes = true;
            return Place::Broken(Box::new(rest));
        }
    }

    /// The end of the file at some place.
    fn end(&mut self, place: Place) {
        match place {
            Place::Mark(0) | Place::Between => {}
            Place::Mark(seen) => {
                let mut garbage = self.garbage(0, 1);
                garbage.sink.feed(&MARK[..seen]);
                self.end_broken(garbage, 0, 0);
            }
            Place::Object(mut open) => {
                let offset = self.base;
                if !self.take_line_value(&open, true, offset) {
                    self.reject_open(&mut open, 0, offset, Reason::Truncated, FILE_ENDS);
                }
            }
            Place::Proof(open) => self.take_object(&open, open.start, open.line, open.end),
            Place::Broken(mut broken) => {
                if broken.held {
                    broken.sink.feed(b"{");
                }
                self.end_broken(*broken, 0, 0);
            }
        }
        if self.array {
            self.array = false;
            self.tally.rejected_others += 1;
            self.rejected.push(Rejected {
                offset: self.base,
                length: 0,
                end: self.base,
                places: 1,
                line: self.lines + 1,
                kind: Reason::Truncated,
                detail: "the file ends before its top-level array is closed".to_owned(),
                raw: Raw::Bytes(Vec::new()),
                found: Found::default(),
            });
        }
    }

    /// Rejects an open object as far as `to`.
    fn reject_open(
        &mut self,
        open: &mut Open,
        from: usize,
        to: u64,
        reason: Reason,
        detail: &'static str,
    ) {
        if let Some(mut sink) = open.oversize.take() {
            let to = (to - self.base) as usize;
            sink.feed(&self.bytes[from..to]);
            self.reject_sink(open.start, open.line, Reason::TooLarge, TOO_LARGE, sink);
            return;
        }
        let (before, own) = self.parts(open, open.start, to);
        let mut sink = self.sink();
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
        let closed = sink.close();
        self.tally.bytes_separators += closed.blank;
        self.reject(offset, line, kind, detail.to_owned(), closed);
    }

    fn reject(&mut self, offset: u64, line: u64, kind: Reason, detail: String, closed: Closed) {
        let Closed {
            length, raw, found, ..
        } = closed;
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

    /// A stretch of garbage that begins at `start`; nothing is fed yet.
    fn garbage(&self, start: u64, line: u64) -> Broken {
        Broken {
            start,
            line,
            kind: Reason::Garbage,
            detail: "bytes between objects",
            sink: self.sink(),
            loose: Loose::outside(),
            indent: 0,
            closes: false,
            held: false,
            array: false,
        }
    }

    fn sink(&self) -> Sink {
        let spec = &self.settings.spec;
        Sink::new(spec.limits.quarantine_bytes_max, spec.finder.as_ref())
    }

    /// Past a byte that the slow paths looked at.
    fn pass(&mut self, byte: u8) {
        self.margin.feed(byte);
        self.at += 1;
        self.margin_at = self.at;
    }

    fn sync_margin(&mut self, to: usize) {
        self.margin.feed_all(&self.bytes[self.margin_at..to]);
        self.margin_at = to;
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
    fn line_in(&self, open: &Open, at: u64) -> u64 {
        let (before, own) = self.parts(open, open.start, at);
        open.line + newlines(before) + newlines(own)
    }

    /// Where in the segment something that began at `start` goes on.
    fn own(&self, start: u64) -> usize {
        start.saturating_sub(self.base) as usize
    }

    /// The bytes `from..to` of an open object: those held from segments
    /// before, and those of this segment.
    fn parts<'b>(&self, open: &'b Open, from: u64, to: u64) -> (&'b [u8], &'a [u8]) {
        let before_end = to.min(self.base).max(from.min(self.base));
        let before = if from < self.base {
            let first = (from - open.start) as usize;
            let end = (before_end - open.start) as usize;
            &open.before[first..end]
        } else {
            &[]
        };
        let own = if to > self.base {
            &self.bytes[self.own(from)..(to - self.base) as usize]
        } else {
            &[]
        };
        (before, own)
    }
}

const TOO_LARGE: &str = "longer than the limit for one object";
const CUT_OFF: &str = "another object begins before its end";
const FILE_ENDS: &str = "the file ends before its end";
const IN_DOUBT: &str = "may be a part of the broken object before it";

fn newlines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// Whether all objects that lie whole in the segment are UTF-8: a character
/// cut by the segment's start or end is in none of them.
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

/// Whether the bytes are JSON values, one after the other.
fn is_json(bytes: &[u8]) -> bool {
    serde_json::Deserializer::from_slice(bytes)
        .into_iter::<serde::de::IgnoredAny>()
        .all(|value| value.is_ok())
}
