//! What a cohort of 956 people contains: the numbers from which every count
//! follows. Nothing here depends on the seed.

use crate::lanes::{INSTANTS, LANES_MAX, Shape};
use crate::shares::evenly;

/// People of one cohort.
pub(super) const COHORT_PEOPLE: usize = 956;

/// People of one cohort who agree to research.
const RESEARCH_PEOPLE: usize = 482;

/// Everyone else in the cohort.
const OTHER_PEOPLE: usize = COHORT_PEOPLE - RESEARCH_PEOPLE;

/// How many agree to what else, of those who agree to research: to the public
/// and friends, the public, friends, neither.
const WITH_RESEARCH: [usize; 4] = [130, 110, 140, 102];

/// The same of everyone else.
const WITHOUT_RESEARCH: [usize; 4] = [117, 134, 121, 102];

/// Of those who agree to research: how many people (right) have how many of
/// their 30 instants before consent (left).
const INSTANTS_BEFORE_CONSENT: [(usize, usize); 15] = [
    (0, 95),
    (1, 22),
    (2, 24),
    (3, 25),
    (4, 20),
    (5, 29),
    (6, 27),
    (7, 37),
    (8, 46),
    (9, 27),
    (10, 38),
    (11, 52),
    (12, 17),
    (13, 5),
    (INSTANTS, 18),
];

/// Instants of the research people in a cohort, all together.
pub(super) const RESEARCH_INSTANTS: usize = RESEARCH_PEOPLE * INSTANTS;

/// Those of them that lie before their person's consent.
pub(super) const RESEARCH_INSTANTS_BEFORE: usize = instants_before();

/// Instants of everyone else in a cohort.
pub(super) const OTHER_INSTANTS: usize = OTHER_PEOPLE * INSTANTS;

/// How the records of the 464 research people who have readings under consent
/// came to be: as [`Update`] lists the ways. (The other 18 all agreed with an
/// update, after their readings.)
const RESEARCH_UPDATES: [usize; 3] = [2, 3, 459];

/// The same of everyone else.
const OTHER_UPDATES: [usize; 3] = [24, 0, 450];

/// Lanes of one kind in a cohort.
#[derive(Clone, Copy)]
struct LaneShare {
    lanes: usize,
    kind: LaneKind,
}

/// A kind of lane: how its devices meet, and whose they are.
#[derive(Clone, Copy)]
pub(super) struct LaneKind {
    pub(super) shape: Shape,
    /// Places of people who agree to research; they come first.
    pub(super) research: usize,
    /// Places of everyone else.
    others: usize,
}

/// The lanes of a cohort. Instants that only two research people share number
/// 87*4 + 24 + 3 + 2 + 23 + 2 = 402 (a crossing has two research devices on
/// either side), and 16 are shared by three. Each phone has three readings
/// there, so a join on time alone pairs 402 * 6 + 16 * 9 * 2 = 2,700 of them
/// with a stranger's trainer.
const LANES: [LaneShare; 11] = [
    lanes(87, Shape::Crossing, 4, 4),
    lanes(16, Shape::Star, 3, 0),
    lanes(24, Shape::Star, 2, 1),
    lanes(24, Shape::Star, 1, 2),
    lanes(13, Shape::Star, 0, 3),
    lanes(3, Shape::Star, 2, 2),
    lanes(2, Shape::Star, 2, 3),
    // A stranger who shares most of a person's instants.
    lanes(1, Shape::Pair { shared: 23 }, 2, 0),
    lanes(1, Shape::Pair { shared: 2 }, 2, 0),
    lanes(1, Shape::Pair { shared: 9 }, 0, 2),
    lanes(1, Shape::Alone, 0, 1),
];

// The tables above fill a cohort exactly.
const _: () = {
    let (mut count, mut research, mut others) = (0, 0, 0);
    let mut row = 0;
    while row < LANES.len() {
        let LaneShare { lanes, kind } = LANES[row];
        count += lanes;
        research += lanes * kind.research;
        others += lanes * kind.others;
        row += 1;
    }
    assert!(count <= LANES_MAX);
    assert!(research == RESEARCH_PEOPLE);
    assert!(others == OTHER_PEOPLE);
};

/// A cohort's places, in the order in which a smaller cohort fills them.
pub(super) struct Plan {
    /// [`COHORT_PEOPLE`] of them.
    pub(super) places: Vec<Place>,
    /// By number.
    pub(super) lanes: Vec<LaneKind>,
}

/// What the plan says about one person.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Number of the lane, within the cohort.
    pub(super) lane: usize,
    /// The device's place in its lane.
    pub(super) device: usize,
    pub(super) agreement: Agreement,
    /// How many of the person's instants lie before their consent. Without
    /// research consent the number is left to chance.
    pub(super) before: Option<usize>,
    pub(super) update: Update,
}

/// What a person agrees to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Agreement {
    pub(super) research: bool,
    pub(super) public: bool,
    pub(super) friends: bool,
}

/// How a person's record came to be as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Update {
    /// Agreed when updating the record, about a minute after registering.
    Agreed,
    /// Agreed when registering, a tick of the clock after the record's own
    /// dates.
    Ticked,
    /// Agreed when registering, at the same millisecond.
    Never,
}

impl Plan {
    pub(super) fn new() -> Self {
        let lanes: Vec<LaneKind> = evenly(LANES.map(|share| share.lanes))
            .into_iter()
            .map(|row| LANES[row].kind)
            .collect();
        let mut research = research_places(&lanes).into_iter();
        let mut others = other_places(&lanes).into_iter();
        let places = evenly([RESEARCH_PEOPLE, OTHER_PEOPLE])
            .into_iter()
            .map(|kind| match kind {
                0 => research.next(),
                _ => others.next(),
            })
            .map(|place| place.expect("the lanes have as many places as the cohort has people"))
            .collect();
        Plan { places, lanes }
    }
}

fn research_places(lanes: &[LaneKind]) -> Vec<Place> {
    let mut updates = evenly(RESEARCH_UPDATES).into_iter();
    let devices = lanes
        .iter()
        .enumerate()
        .flat_map(|(lane, kind)| (0..kind.research).map(move |device| (lane, device)));
    let before = evenly(INSTANTS_BEFORE_CONSENT.map(|(_, people)| people));
    let agreements = evenly(WITH_RESEARCH);
    devices
        .zip(before)
        .zip(agreements)
        .map(|(((lane, device), before), rest)| {
            let (before, _) = INSTANTS_BEFORE_CONSENT[before];
            Place {
                lane,
                device,
                agreement: Agreement::new(true, rest),
                before: Some(before),
                update: match before {
                    INSTANTS => Update::Agreed,
                    _ => Update::new(updates.next()),
                },
            }
        })
        .collect()
}

fn other_places(lanes: &[LaneKind]) -> Vec<Place> {
    let devices = lanes.iter().enumerate().flat_map(|(lane, kind)| {
        (kind.research..kind.research + kind.others).map(move |device| (lane, device))
    });
    devices
        .zip(evenly(OTHER_UPDATES))
        .zip(evenly(WITHOUT_RESEARCH))
        .map(|(((lane, device), update), rest)| Place {
            lane,
            device,
            agreement: Agreement::new(false, rest),
            before: None,
            update: Update::new(Some(update)),
        })
        .collect()
}

impl LaneKind {
    /// Devices in the lane.
    pub(super) fn places(&self) -> usize {
        self.research + self.others
    }
}

impl Agreement {
    /// `rest` indexes [`WITH_RESEARCH`] or [`WITHOUT_RESEARCH`].
    fn new(research: bool, rest: usize) -> Self {
        Agreement {
            research,
            public: rest == 0 || rest == 1,
            friends: rest == 0 || rest == 2,
        }
    }
}

impl Update {
    /// `row` indexes [`RESEARCH_UPDATES`] or [`OTHER_UPDATES`].
    fn new(row: Option<usize>) -> Self {
        match row {
            Some(0) => Update::Agreed,
            Some(1) => Update::Ticked,
            _ => Update::Never,
        }
    }
}

const fn lanes(lanes: usize, shape: Shape, research: usize, others: usize) -> LaneShare {
    LaneShare {
        lanes,
        kind: LaneKind {
            shape,
            research,
            others,
        },
    }
}

const fn instants_before() -> usize {
    let mut instants = 0;
    let mut row = 0;
    while row < INSTANTS_BEFORE_CONSENT.len() {
        let (before, people) = INSTANTS_BEFORE_CONSENT[row];
        instants += before * people;
        row += 1;
    }
    instants
}
