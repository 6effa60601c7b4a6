//! The plan of a cohort of 956 people: the numbers from which every count follows.
//! Nothing here depends on the seed.

use crate::schedule::{GROUPS_MAX, INSTANTS, MeetingPattern};
use crate::shares::spread_evenly;

/// People of one cohort.
pub(super) const COHORT_PEOPLE: usize = 956;

/// People of one cohort who consent to research.
const RESEARCH_PEOPLE: usize = 482;

/// Everyone else in the cohort.
const OTHER_PEOPLE: usize = COHORT_PEOPLE - RESEARCH_PEOPLE;

/// Of the people who consent to research, how many also consent to: public and
/// friends, public, friends, neither.
const WITH_RESEARCH: [usize; 4] = [130, 110, 140, 102];

/// The same for everyone else.
const WITHOUT_RESEARCH: [usize; 4] = [117, 134, 121, 102];

/// Of the people who consent to research: how many people (right) have how many of
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

/// All instants of the people of a cohort who consent to research.
pub(super) const RESEARCH_INSTANTS: usize = RESEARCH_PEOPLE * INSTANTS;

/// Those of them that are before the person's consent.
pub(super) const RESEARCH_INSTANTS_BEFORE: usize = instants_before();

/// All instants of everyone else in a cohort.
pub(super) const OTHER_INSTANTS: usize = OTHER_PEOPLE * INSTANTS;

/// How many of the 464 people with readings under research consent have which
/// [`ConsentTiming`], in the order of its variants. (The other 18 consented with an
/// update, after their readings.)
const RESEARCH_TIMINGS: [usize; 3] = [2, 3, 459];

/// The same for everyone else.
const OTHER_TIMINGS: [usize; 3] = [24, 0, 450];

/// Number of device groups of one kind in a cohort.
#[derive(Clone, Copy)]
struct GroupShare {
    groups: usize,
    kind: GroupKind,
}

/// A kind of device group: how its devices meet, and how many belong to people with
/// research consent.
#[derive(Clone, Copy)]
pub(super) struct GroupKind {
    pub(super) pattern: MeetingPattern,
    /// Devices of people who consent to research; they come first.
    pub(super) research: usize,
    /// Devices of everyone else.
    others: usize,
}

/// The device groups of a cohort. Exactly two people with research consent share
/// 87*4 + 24 + 3 + 2 + 23 + 2 = 402 instants (a crossing has two of their devices
/// on either side), and three share 16. Each phone has three readings there, so a
/// join on time alone pairs 402 * 6 + 16 * 9 * 2 = 2,700 of them with a stranger's
/// trainer.
const GROUPS: [GroupShare; 11] = [
    groups(87, MeetingPattern::Crossing, 4, 4),
    groups(16, MeetingPattern::Star, 3, 0),
    groups(24, MeetingPattern::Star, 2, 1),
    groups(24, MeetingPattern::Star, 1, 2),
    groups(13, MeetingPattern::Star, 0, 3),
    groups(3, MeetingPattern::Star, 2, 2),
    groups(2, MeetingPattern::Star, 2, 3),
    // Two strangers who share most of their instants.
    groups(1, MeetingPattern::Pair { shared: 23 }, 2, 0),
    groups(1, MeetingPattern::Pair { shared: 2 }, 2, 0),
    groups(1, MeetingPattern::Pair { shared: 9 }, 0, 2),
    groups(1, MeetingPattern::Alone, 0, 1),
];

// The tables above fill a cohort exactly.
const _: () = {
    let (mut count, mut research, mut others) = (0, 0, 0);
    let mut row = 0;
    while row < GROUPS.len() {
        let GroupShare { groups, kind } = GROUPS[row];
        count += groups;
        research += groups * kind.research;
        others += groups * kind.others;
        row += 1;
    }
    assert!(count <= GROUPS_MAX);
    assert!(research == RESEARCH_PEOPLE);
    assert!(others == OTHER_PEOPLE);
};

/// The plan of a cohort. An incomplete cohort has the first of its people.
pub(super) struct Plan {
    /// [`COHORT_PEOPLE`] people.
    pub(super) people: Vec<PersonPlan>,
    /// The device groups by number.
    pub(super) groups: Vec<GroupKind>,
}

/// The plan of one person.
#[derive(Clone, Copy, Debug)]
pub(super) struct PersonPlan {
    /// Number of the device group within the cohort.
    pub(super) group: usize,
    /// Number of the device within its group.
    pub(super) device: usize,
    pub(super) consents: Consents,
    /// How many of the person's instants are before their consent. `None` without
    /// research consent: the number is random.
    pub(super) instants_before: Option<usize>,
    pub(super) consent_timing: ConsentTiming,
}

/// The purposes that a person consents to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Consents {
    pub(super) research: bool,
    pub(super) public: bool,
    pub(super) friends: bool,
}

/// When a person consented, relative to the dates of the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConsentTiming {
    /// Consented with an update of the record, about a minute after registering.
    WithUpdate,
    /// Consented when registering, one millisecond after the record's own dates.
    AfterRegistration,
    /// Consented when registering, at the same millisecond.
    WithRegistration,
}

impl Plan {
    pub(super) fn new() -> Self {
        let groups: Vec<GroupKind> = spread_evenly(GROUPS.map(|share| share.groups))
            .into_iter()
            .map(|row| GROUPS[row].kind)
            .collect();
        let mut research = research_people(&groups).into_iter();
        let mut others = other_people(&groups).into_iter();
        let people = spread_evenly([RESEARCH_PEOPLE, OTHER_PEOPLE])
            .into_iter()
            .map(|kind| match kind {
                0 => research.next(),
                _ => others.next(),
            })
            .map(|person| person.expect("the groups have as many devices as the cohort has people"))
            .collect();
        Plan { people, groups }
    }
}

fn research_people(groups: &[GroupKind]) -> Vec<PersonPlan> {
    let mut timings = spread_evenly(RESEARCH_TIMINGS).into_iter();
    let devices = groups
        .iter()
        .enumerate()
        .flat_map(|(group, kind)| (0..kind.research).map(move |device| (group, device)));
    let before = spread_evenly(INSTANTS_BEFORE_CONSENT.map(|(_, people)| people));
    let consents = spread_evenly(WITH_RESEARCH);
    devices
        .zip(before)
        .zip(consents)
        .map(|(((group, device), before), others)| {
            let (before, _) = INSTANTS_BEFORE_CONSENT[before];
            PersonPlan {
                group,
                device,
                consents: Consents::new(true, others),
                instants_before: Some(before),
                consent_timing: match before {
                    INSTANTS => ConsentTiming::WithUpdate,
                    _ => ConsentTiming::new(timings.next()),
                },
            }
        })
        .collect()
}

fn other_people(groups: &[GroupKind]) -> Vec<PersonPlan> {
    let devices = groups.iter().enumerate().flat_map(|(group, kind)| {
        (kind.research..kind.research + kind.others).map(move |device| (group, device))
    });
    devices
        .zip(spread_evenly(OTHER_TIMINGS))
        .zip(spread_evenly(WITHOUT_RESEARCH))
        .map(|(((group, device), timing), others)| PersonPlan {
            group,
            device,
            consents: Consents::new(false, others),
            instants_before: None,
            consent_timing: ConsentTiming::new(Some(timing)),
        })
        .collect()
}

impl GroupKind {
    /// Number of devices in the group.
    pub(super) fn devices(&self) -> usize {
        self.research + self.others
    }
}

impl Consents {
    /// `others` indexes [`WITH_RESEARCH`] or [`WITHOUT_RESEARCH`].
    fn new(research: bool, others: usize) -> Self {
        Consents {
            research,
            public: others == 0 || others == 1,
            friends: others == 0 || others == 2,
        }
    }
}

impl ConsentTiming {
    /// `row` indexes [`RESEARCH_TIMINGS`] or [`OTHER_TIMINGS`].
    fn new(row: Option<usize>) -> Self {
        match row {
            Some(0) => ConsentTiming::WithUpdate,
            Some(1) => ConsentTiming::AfterRegistration,
            _ => ConsentTiming::WithRegistration,
        }
    }
}

const fn groups(
    groups: usize,
    pattern: MeetingPattern,
    research: usize,
    others: usize,
) -> GroupShare {
    GroupShare {
        groups,
        kind: GroupKind {
            pattern,
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
