//! Targets: every group, and one for each origin that a behavior names directly.

use std::collections::HashMap;
use std::time::Duration;

use super::defaults::{Defaults, OnFailure};
use super::{MOST_OF_A_KIND, beyond_the_most, over_quota, values};
use crate::origin::{
    ConnectionAttempts, FailoverCriteria, Failure, FailureSet, Member, Origin, OriginId,
    OriginKind, RecordMember, StatusSet, Target, TargetId, Timers,
};
use crate::problem::Problem;
use crate::record::{FailoverRecord, RecordId, Side};
use crate::written::{self, At, Notation, Written};

const STATUSES: [u16; 9] = FailoverCriteria::STATUSES;

/// Source: Developer Guide, "Quotas", origin groups per distribution.
const QUOTA: usize = 10;

/// One thing that can be asked: what a behavior may name directly, and a member of a group.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Answers {
    Origin(OriginId),
    Record(RecordMembers),
}

/// A record and whom it stands for.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct RecordMembers {
    id: RecordId,
    primary: OriginId,
    secondary: OriginId,
}

impl RecordMembers {
    /// `records` in the order of the file, each with its place among those that are compiled.
    fn of(records: &[Option<FailoverRecord>]) -> Vec<Option<Self>> {
        let mut next = 0;
        let mut of_one = |record: &FailoverRecord| {
            let id = RecordId(next);
            next += 1;
            Self {
                id,
                primary: record.origin(Side::Primary),
                secondary: record.origin(Side::Secondary),
            }
        };
        records
            .iter()
            .map(|record| record.as_ref().map(&mut of_one))
            .collect()
    }
}

/// The targets so far, and the names by which behaviors find them.
pub(super) struct Targets<'w> {
    defaults: &'w Defaults,
    compiled: &'w [Origin],
    list: Vec<Target>,
    origins: HashMap<&'w str, OriginId>,
    groups: HashMap<&'w str, TargetId>,
    /// `None` for one that has a problem, of which who names it has none.
    records: HashMap<&'w str, Option<RecordMembers>>,
    single: HashMap<Answers, TargetId>,
    /// All ids are of one name space: a CloudFront file of several distributions has one for each.
    is_one_space: bool,
}

impl<'w> Targets<'w> {
    /// The groups; single origins follow as they are asked for.
    pub(super) fn new(
        written: &'w Written,
        defaults: &'w Defaults,
        compiled: &'w [Origin],
        records: &[Option<FailoverRecord>],
        problems: &mut Vec<Problem>,
    ) -> Self {
        let mut targets = Self {
            defaults,
            compiled,
            list: Vec::new(),
            origins: HashMap::new(),
            groups: HashMap::new(),
            records: HashMap::new(),
            single: HashMap::new(),
            is_one_space: written.notation != Notation::CloudFront
                || written.distributions.len() < 2,
        };
        for (index, origin) in written.origins.iter().enumerate().take(compiled.len()) {
            let id = OriginId(u16::try_from(index).expect("origins are limited to fewer"));
            if targets.origins.insert(&origin.id.value, id).is_some() {
                problems.push(taken(&origin.id, written));
            }
        }
        for (said, record) in written.records.iter().zip(RecordMembers::of(records)) {
            let is_new = !targets.origins.contains_key(said.id.value.as_str())
                && targets.records.insert(&said.id.value, record).is_none();
            if !is_new {
                problems.push(taken(&said.id, written));
            }
        }
        let beyond = beyond_the_most(&written.groups, "group", |group| &group.id.place);
        problems.extend(beyond);
        if defaults.has_quotas(written)
            && let Some(group) = written.groups.get(QUOTA)
        {
            let count = written.groups.len();
            problems.extend(over_quota(&group.id.place, count, QUOTA, "groups"));
        }
        for group in written.groups.iter().take(MOST_OF_A_KIND) {
            let id = TargetId(u16::try_from(targets.list.len()).expect("groups are limited"));
            let is_new = !targets.origins.contains_key(group.id.value.as_str())
                && !targets.records.contains_key(group.id.value.as_str())
                && targets.groups.insert(&group.id.value, id).is_none();
            if !is_new {
                problems.push(taken(&group.id, written));
            }
            // Even a group that cannot be named is looked through for problems.
            let target = targets.group(group, written, problems);
            targets.list.push(target);
        }
        targets
    }

    fn group(
        &self,
        group: &written::OriginGroup,
        written: &Written,
        problems: &mut Vec<Problem>,
    ) -> Target {
        let (defaults, compiled) = (self.defaults, self.compiled);
        let criteria = GroupCriteria::of(group, defaults, problems);
        let mut members: Vec<Member> = Vec::new();
        let mut asked: Vec<Answers> = Vec::new();
        for said in &group.members {
            let Some(named) = self.answers_to(&said.origin, written, problems) else {
                continue;
            };
            if asked.contains(&named) {
                problems.push(said.origin.place.error(
                    format!("has {} twice", said.origin.shown()),
                    "write each member once",
                ));
                continue;
            }
            if let Some(page) = members.last().filter(|member| member.is_page) {
                let page = &compiled[usize::from(page.origin.0)].id;
                problems.push(said.origin.place.error(
                    format!(
                        "has {} after the page {page:?}, which always answers",
                        said.origin.shown()
                    ),
                    "write the page last",
                ));
            }
            let statuses = said
                .fail_over_on
                .as_ref()
                .map(|said| statuses(said, problems));
            members.push(criteria.answering(named, statuses, defaults, compiled));
            asked.push(named);
        }
        check_count(group, written, defaults, problems);
        check_records(group, &asked, problems);
        check_selection(group, problems);
        Target {
            name: group.id.value.as_str().into(),
            is_group: true,
            members,
            deadline: deadline(group, defaults, problems),
        }
    }

    fn answers_to(
        &self,
        said: &At<String>,
        written: &Written,
        problems: &mut Vec<Problem>,
    ) -> Option<Answers> {
        let name = said.value.as_str();
        if let Some(id) = self.origins.get(name) {
            return Some(Answers::Origin(*id));
        }
        if let Some(record) = self.records.get(name) {
            return record.map(Answers::Record);
        }
        let is_group = written.groups.iter().any(|group| group.id.value == name);
        problems.push(if is_group {
            said.place.error(
                format!("has {}, which is a group", said.shown()),
                written.words(
                    "write the ids of origins and records; a group cannot be a member",
                    "write the ids of origins; a group cannot be a member",
                ),
            )
        } else {
            said.place.error(
                format!("has {}", said.shown()),
                format!(
                    "write the id of {}{}",
                    self.words("an origin", "an origin or record"),
                    self.known(
                        name,
                        self.origins.keys().chain(self.records.keys()).copied()
                    )
                ),
            )
        });
        None
    }

    /// The target that a behavior calls `said`.
    pub(super) fn named(
        &mut self,
        said: &At<String>,
        problems: &mut Vec<Problem>,
    ) -> Option<TargetId> {
        let name = said.value.as_str();
        if let Some(id) = self.groups.get(name) {
            return Some(*id);
        }
        if let Some(record) = self.records.get(name) {
            let record = (*record)?;
            return Some(self.single(name, Answers::Record(record)));
        }
        let Some(origin) = self.origins.get(name).copied() else {
            let known = self.origins.keys().chain(self.groups.keys()).copied();
            let known = known.chain(self.records.keys().copied());
            problems.push(said.place.error(
                format!("is {}", said.shown()),
                format!(
                    "write the id of {}{}",
                    self.words("an origin or group", "an origin, group or record"),
                    self.known(name, known)
                ),
            ));
            return None;
        };
        Some(self.single(name, Answers::Origin(origin)))
    }

    /// The target of one origin or record alone.
    fn single(&mut self, name: &str, answers: Answers) -> TargetId {
        let next = TargetId(
            u16::try_from(self.list.len()).expect("origins, records and groups are limited"),
        );
        let id = *self.single.entry(answers).or_insert(next);
        if id == next {
            let alone = GroupCriteria {
                statuses: StatusSet::default(),
                soft: Vec::new(),
                on_failure: None,
            };
            let member = alone.answering(answers, None, self.defaults, self.compiled);
            // There is no later member that the time would be kept for: an origin of its own may take all of its own time.
            let longest = member.worst_case();
            self.list.push(Target {
                name: name.into(),
                is_group: false,
                members: vec![member],
                deadline: self.defaults.deadline.map(|usual| usual.max(longest)),
            });
        }
        id
    }

    /// Who has no records need not know that there are any.
    fn words(&self, without: &'static str, with: &'static str) -> &'static str {
        if self.records.is_empty() {
            without
        } else {
            with
        }
    }

    /// What may be meant by `name`.
    fn known<'c>(&self, name: &str, known: impl Iterator<Item = &'c str>) -> String {
        if self.is_one_space {
            values::perhaps_or_any(name, known)
        } else {
            values::perhaps(name, known)
        }
    }

    pub(super) fn finish(self) -> Vec<Target> {
        self.list
    }
}

fn check_count(
    group: &written::OriginGroup,
    written: &Written,
    defaults: &Defaults,
    problems: &mut Vec<Problem>,
) {
    let count = group.members.len();
    if count == 0 {
        problems.push(group.members_place.error(
            "is empty",
            "write the ids of the origins, in the order they are asked",
        ));
    } else if defaults.is_faithful() && count != 2 {
        problems.push(group.members_place.error(
            format!("has {count}"),
            format!(
                "write exactly two, as CloudFront demands; or {}, where any number works",
                written.resilient()
            ),
        ));
    }
}

fn check_records(group: &written::OriginGroup, asked: &[Answers], problems: &mut Vec<Problem>) {
    let records = asked
        .iter()
        .filter(|asked| matches!(asked, Answers::Record(_)))
        .count();
    if records > FailoverRecord::MOST_IN_A_GROUP {
        problems.push(group.members_place.error(
            format!("has {records} failover records"),
            format!("write {} at most", FailoverRecord::MOST_IN_A_GROUP),
        ));
    }
}

/// Source: API shape `OriginGroup`, `SelectionCriteria`.
fn check_selection(group: &written::OriginGroup, problems: &mut Vec<Problem>) {
    let Some(said) = &group.selection_criteria else {
        return;
    };
    match said.value.as_str() {
        "default" => {}
        "media-quality-based" => problems.push(said.place.warning(
            format!("is {}", said.shown()),
            "members are not chosen by media quality here: the first is asked first, as with \"default\"",
        )),
        other => problems.push(said.place.error(
            format!("is {}", said.shown()),
            format!(
                "write \"default\" or \"media-quality-based\"{}",
                values::perhaps(other, ["default", "media-quality-based"])
            ),
        )),
    }
}

fn taken(id: &At<String>, written: &Written) -> Problem {
    let what = written.words("origin, group or record", "origin or group");
    id.place.error(
        format!("has the id {} of another {what}", id.shown()),
        "write another id",
    )
}

/// What holds for the members of a group that do not say otherwise.
struct GroupCriteria {
    statuses: StatusSet,
    soft: Vec<u16>,
    /// `None`: no failure falls through, because there is nowhere to fall.
    on_failure: Option<OnFailure>,
}

impl GroupCriteria {
    fn of(group: &written::OriginGroup, defaults: &Defaults, problems: &mut Vec<Problem>) -> Self {
        const ON_FAILURE: [(&str, OnFailure); 2] = [
            ("always", OnFailure::Always),
            ("status", OnFailure::ByStatus),
        ];
        let on_failure = group
            .on_failure
            .as_ref()
            .and_then(|said| values::word(said, &ON_FAILURE, problems))
            .unwrap_or(defaults.on_failure);
        if group.fail_over_on.is_empty() && on_failure == OnFailure::ByStatus {
            problems.push(group.fail_over_on_place.error(
                "is empty",
                format!("write one or more of {}", values::list(&STATUSES)),
            ));
        }
        let soft = match &group.soft {
            Some(said) => said
                .iter()
                .filter_map(|said| values::status(said, &STATUSES, problems))
                .map(|status| status.as_u16())
                .collect(),
            None => defaults.soft.to_vec(),
        };
        Self {
            statuses: statuses(&group.fail_over_on, problems),
            soft,
            on_failure: Some(on_failure),
        }
    }

    fn answering(
        &self,
        answers: Answers,
        statuses: Option<StatusSet>,
        defaults: &Defaults,
        compiled: &[Origin],
    ) -> Member {
        let member = |origin| self.member(origin, statuses, defaults, compiled);
        match answers {
            Answers::Origin(origin) => member(origin),
            Answers::Record(record) => Member {
                record: Some(RecordMember {
                    id: record.id,
                    secondary: Box::new(member(record.secondary)),
                }),
                ..member(record.primary)
            },
        }
    }

    fn member(
        &self,
        origin: OriginId,
        statuses: Option<StatusSet>,
        defaults: &Defaults,
        compiled: &[Origin],
    ) -> Member {
        let kind = &compiled[usize::from(origin.0)].kind;
        let (is_page, timers) = match kind {
            OriginKind::Server(server) => (false, server.timers),
            OriginKind::Page(_) => (true, defaults.timers()),
            OriginKind::Folder(_) => (false, of_a_folder(defaults.timers())),
        };
        let is_server = matches!(kind, OriginKind::Server(_));
        let statuses = statuses.unwrap_or(self.statuses);
        let criteria = if is_page {
            // A page is the last word, whatever status it is delivered with.
            FailoverCriteria::default()
        } else {
            FailoverCriteria {
                statuses,
                soft: statuses
                    .iter()
                    .filter(|status| self.soft.contains(&status.as_u16()))
                    .collect(),
                failures: match self.on_failure {
                    None => FailureSet::default(),
                    Some(OnFailure::Always) => FailureSet::all(),
                    Some(OnFailure::ByStatus) => gated_by(statuses),
                },
            }
        };
        Member {
            origin,
            is_page,
            criteria,
            timers,
            retries_response_timeout: defaults.retries_response_timeout && is_server,
            record: None,
        }
    }
}

/// Nothing is connected to, and a file that did not come in time would not come faster if it were asked for again.
fn of_a_folder(timers: Timers) -> Timers {
    Timers {
        connection_attempts: ConnectionAttempts::ONE,
        connection_timeout: Duration::ZERO,
        response_completion_timeout: None,
        ..timers
    }
}

fn statuses(said: &[At<i64>], problems: &mut Vec<Problem>) -> StatusSet {
    said.iter()
        .filter_map(|said| values::status(said, &STATUSES, problems))
        .collect()
}

/// The failures that fall through because a status that stands for them does. Source: Developer Guide, "Optimize high
/// availability with CloudFront origin failover", for connecting (503) and waiting (504); the rest is not documented, and
/// falls through if either status does that a viewer could have been shown.
pub(crate) fn gated_by(statuses: StatusSet) -> FailureSet {
    let has = |code: u16| statuses.iter().any(|status| status.as_u16() == code);
    Failure::ALL
        .into_iter()
        .filter(|failure| match failure {
            Failure::Refused | Failure::ConnectTimeout => has(503),
            Failure::Dns | Failure::Tls | Failure::Reset | Failure::WriteStalled => {
                has(502) || has(503)
            }
            Failure::ResponseTimeout | Failure::CompletionTimeout => has(504),
            Failure::Malformed | Failure::HeaderTooBig => has(502),
        })
        .collect()
}

fn deadline(
    group: &written::OriginGroup,
    defaults: &Defaults,
    problems: &mut Vec<Problem>,
) -> Option<Duration> {
    const TICK: Duration = Duration::from_millis(1);
    const AN_HOUR: Duration = Duration::from_hours(1);
    group
        .deadline
        .as_ref()
        .and_then(|said| values::span(said, &(TICK..=AN_HOUR), problems))
        .or(defaults.deadline)
}
