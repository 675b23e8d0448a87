//! What operators have switched: what is in force, what it does to the living edge, and the file that it outlives it in.
//!
//! Requests read none of this: they read the marks in [`Vitals`](crate::vitals::Vitals), where a record is, and whether a
//! distribution is in maintenance. One thread switches (`control`); a reload only has everything put in force anew.

mod kept;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwapOption;
use tideover_config::{Edge, Side};
use tideover_rules::switch::{Bereft, Order, Orders, left_with_nobody};

use crate::live::Live;
use crate::metrics::Exposition;
use crate::private_file;
use crate::recovery::{Event, Events};
use crate::vitals::Mark;

/// More than anybody has in force at once.
const MOST: usize = 256;
/// What could not be kept is tried again after so long: a disk may have room again.
const AGAIN: Duration = Duration::from_secs(1);

/// What can be switched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Origin,
    Record,
    Distribution,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Origin, Self::Record, Self::Distribution];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Origin => "origin",
            Self::Record => "record",
            Self::Distribution => "distribution",
        }
    }

    /// The names that the config has for it.
    pub(crate) fn names(self, edge: &Edge) -> Vec<Arc<str>> {
        match self {
            Self::Origin => edge.origins.iter().map(|o| Arc::clone(&o.id)).collect(),
            Self::Record => edge.records.iter().map(|r| Arc::clone(&r.id)).collect(),
            Self::Distribution => edge
                .distributions
                .iter()
                .map(|d| Arc::clone(&d.id))
                .collect(),
        }
    }
}

/// To what something is switched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum To {
    Origin(Order),
    /// `None`: by health.
    Record(Option<Side>),
    /// True: in maintenance.
    Distribution(bool),
}

impl To {
    pub(crate) const ALL: [Self; 9] = [
        Self::Origin(Order::Ready),
        Self::Origin(Order::Drain),
        Self::Origin(Order::Down),
        Self::Origin(Order::Only),
        Self::Record(Some(Side::Primary)),
        Self::Record(Some(Side::Secondary)),
        Self::Record(None),
        Self::Distribution(true),
        Self::Distribution(false),
    ];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Origin(order) => order.word(),
            Self::Record(Some(side)) => side.word(),
            Self::Record(None) => "auto",
            Self::Distribution(true) => "maintenance",
            Self::Distribution(false) => "serve",
        }
    }

    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Origin(_) => Kind::Origin,
            Self::Record(_) => Kind::Record,
            Self::Distribution(_) => Kind::Distribution,
        }
    }

    /// As everything is that nobody switched.
    pub(crate) fn usual(kind: Kind) -> Self {
        match kind {
            Kind::Origin => Self::Origin(Order::Ready),
            Kind::Record => Self::Record(None),
            Kind::Distribution => Self::Distribution(false),
        }
    }

    /// Whether that is as if nobody had switched it.
    pub(crate) fn is_usual(self) -> bool {
        self == Self::usual(self.kind())
    }

    /// One sentence for the operator.
    pub(crate) fn means(self) -> &'static str {
        match self {
            Self::Origin(Order::Ready) => "it is asked as its health has it",
            Self::Origin(Order::Drain) => {
                "it gets no new request while anybody else can answer; where it is the only one, it is still asked"
            }
            Self::Origin(Order::Down) => "nothing is sent to it, whatever that means for a request",
            Self::Origin(Order::Only) => "groups that have it ask it alone; a page stays behind it",
            Self::Record(Some(_)) => {
                "it stays there, whatever its health, until it is switched to auto"
            }
            Self::Record(None) => "it moves by health again, as the config lets it",
            Self::Distribution(true) => "every request is answered with the maintenance page, 503",
            Self::Distribution(false) => "requests are answered as ever",
        }
    }
}

/// What somebody ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Switch {
    pub(crate) name: Arc<str>,
    pub(crate) to: To,
    pub(crate) reason: Option<Arc<str>>,
    pub(crate) owner: Option<Arc<str>>,
    pub(crate) since: SystemTime,
    /// `None`: until it is switched back.
    pub(crate) until: Option<SystemTime>,
}

impl Switch {
    pub(crate) fn is_of(&self, kind: Kind, name: &str) -> bool {
        self.to.kind() == kind && *self.name == *name
    }
}

/// Why something is not switched.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The config has no such name.
    Unknown,
    /// These would have nobody to answer.
    Bereft(Vec<Bereft>),
    /// As many as may be are in force.
    TooMany,
}

/// What came of a switch.
#[derive(Debug)]
pub(crate) struct Switched {
    pub(crate) was: Option<Switch>,
    /// Why it does not outlive this process, if so.
    pub(crate) not_kept: Option<String>,
}

/// All that is in force.
#[derive(Debug, Default)]
pub(crate) struct Switches {
    state: Mutex<State>,
    /// As lines of the JSON log show it: a JSON array. `None`: nothing is in force.
    shown: ArcSwapOption<Vec<u8>>,
}

#[derive(Debug, Default)]
struct State {
    in_force: Vec<Switch>,
    /// Records on their secondary: a new process must not send writes back where nobody ordered them to.
    on_secondary: Vec<Arc<str>>,
    file: Option<PathBuf>,
    /// Why it was not kept the last time.
    not_kept: Option<String>,
    /// When that was tried.
    tried: Option<Instant>,
}

impl Switches {
    /// Reads what was kept in `file`, and tells if that is not possible or nothing can be kept there.
    pub(crate) fn open(file: Option<PathBuf>, has_admin: bool) -> Self {
        let mut state = State::default();
        match &file {
            Some(file) => match kept::read(file) {
                Ok(Some((in_force, on_secondary))) => {
                    state.in_force = in_force;
                    state.on_secondary = on_secondary;
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(
                    "{}: {error}; what was switched before is not in force, and the next switch writes it anew",
                    file.display()
                ),
            },
            None if has_admin => tracing::info!(
                "what is switched holds until this process ends: [admin] has no state file"
            ),
            None => {}
        }
        if let Some(file) = file.as_deref().filter(|_| has_admin)
            && let Err(error) = private_file::can_be_written(file)
        {
            tracing::warn!(
                "{} cannot be written ({error}): what is switched holds until this process ends; \
                 set [admin] state = \"...\" to a file that can be, or \"off\"",
                file.display()
            );
        }
        state.file = file;
        let switches = Self {
            state: Mutex::new(state),
            shown: ArcSwapOption::empty(),
        };
        switches.show(&switches.lock());
        switches
    }

    /// The file is another one from now on.
    pub(crate) fn keep_in(&self, file: Option<PathBuf>) {
        let mut state = self.lock();
        if state.file != file {
            state.file = file;
            let kept = state.keep();
            state.tell_if_not(kept);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn in_force(&self) -> Vec<Switch> {
        self.lock().in_force.clone()
    }

    /// As a JSON array of texts like `azure-vm=down`; `None`: nothing is in force.
    pub(crate) fn shown(&self) -> Option<Arc<Vec<u8>>> {
        self.shown.load_full()
    }

    /// Puts everything in force on `live`, which may be one that nobody is served by yet.
    pub(crate) fn put_in_force(&self, live: &Live) {
        self.lock().put_in_force(live);
    }

    /// Where records were when this edge's predecessor ended. To be called once, before anybody is served.
    pub(crate) fn place_records(&self, live: &Live) {
        let state = self.lock();
        let is_gone = |name: &&Arc<str>| !live.edge.records.iter().any(|it| it.id == **name);
        for name in state.on_secondary.iter().filter(is_gone) {
            tracing::warn!(
                record = %name,
                "this failover record was on its secondary, and the config has none of its name: if it was renamed, switch \
                 the new one to secondary before writes go to the primary"
            );
        }
        for (record, at) in live.edge.records.iter().zip(&live.records) {
            if state.on_secondary.contains(&record.id) {
                at.take(tideover_rules::record::Position {
                    side: Side::Secondary,
                    moved: None,
                });
            }
        }
    }

    /// Switches, and has it in force at the return.
    pub(crate) fn switch(
        &self,
        live: &Live,
        events: &Events,
        switch: Switch,
        insists: bool,
    ) -> Result<Switched, Refusal> {
        let kind = switch.to.kind();
        if !kind.names(&live.edge).contains(&switch.name) {
            return Err(Refusal::Unknown);
        }
        let mut state = self.lock();
        let present = state.in_force.iter();
        let was = present
            .clone()
            .find(|other| other.is_of(kind, &switch.name))
            .cloned();
        let mut next: Vec<Switch> = present
            .filter(|other| !other.is_of(kind, &switch.name))
            .cloned()
            .collect();
        if !switch.to.is_usual() {
            next.push(switch.clone());
        }
        if next.len() > MOST {
            return Err(Refusal::TooMany);
        }
        let sides: Vec<Side> = live.records.iter().map(|record| record.side()).collect();
        let bereft = left_with_nobody(
            &live.edge,
            &sides,
            &orders(&state.in_force, &live.edge),
            &orders(&next, &live.edge),
        );
        if !bereft.is_empty() && !insists {
            return Err(Refusal::Bereft(bereft));
        }
        state.in_force = next;
        let not_kept = state.come_to_be(self, live).err();
        drop(state);
        events.tell(Event::Switched(switch));
        Ok(Switched { was, not_kept })
    }

    /// What has had its time is in force no more. To be asked often.
    pub(crate) fn expire(&self, live: &Live, events: &Events) {
        let mut state = self.lock();
        let now = SystemTime::now();
        let is_over = |switch: &Switch| switch.until.is_some_and(|until| until <= now);
        if !state.in_force.iter().any(is_over) {
            return;
        }
        let over: Vec<Switch> = state
            .in_force
            .extract_if(.., |switch| is_over(switch))
            .collect();
        let kept = state.come_to_be(self, live);
        state.tell_if_not(kept);
        drop(state);
        for switch in over {
            events.tell(Event::SwitchExpired(switch));
        }
    }

    /// Keeps where the records of `live` are, if that is news, and what could not be kept before. To be asked after each look at them.
    pub(crate) fn keep_records(&self, live: &Live) {
        let records = live.edge.records.iter().zip(&live.records);
        let on_secondary = || {
            let records = records.clone();
            records.filter(|(_, at)| at.side() == Side::Secondary)
        };
        let mut state = self.lock();
        let is_same = on_secondary().count() == state.on_secondary.len()
            && on_secondary().all(|(record, _)| state.on_secondary.contains(&record.id));
        if is_same {
            return state.keep_again();
        }
        state.on_secondary = on_secondary()
            .map(|(record, _)| Arc::clone(&record.id))
            .collect();
        let kept = state.keep();
        state.tell_if_not(kept);
    }

    /// Why what is in force is not in its file, if it has one and is not.
    pub(crate) fn not_kept(&self) -> Option<String> {
        self.lock().not_kept.clone()
    }

    /// Tells what is in force.
    pub(crate) fn expose(&self, text: &mut Exposition) {
        let help = "What operators have switched, while it is in force.";
        text.gauge("tideover_switch", help);
        for switch in &self.lock().in_force {
            let labels = [
                ("kind", switch.to.kind().word()),
                ("name", &switch.name),
                ("to", switch.to.word()),
            ];
            text.sample(&labels, 1);
        }
    }

    fn show(&self, state: &State) {
        let words: Vec<String> = state
            .in_force
            .iter()
            .map(|switch| format!("{}={}", switch.name, switch.to.word()))
            .collect();
        let shown = (!words.is_empty()).then(|| serde_json::Value::from(words).to_string());
        self.shown
            .store(shown.map(|shown| Arc::new(shown.into_bytes())));
    }
}

impl State {
    /// Puts in force what is new, shows it and keeps it.
    fn come_to_be(&mut self, switches: &Switches, live: &Live) -> Result<(), String> {
        self.put_in_force(live);
        switches.show(self);
        self.keep()
    }

    fn keep(&mut self) -> Result<(), String> {
        let Some(file) = &self.file else {
            self.not_kept = None;
            return Err("[admin] has no state file".to_owned());
        };
        self.tried = Some(Instant::now());
        let kept = kept::write(file, &self.in_force, &self.on_secondary)
            .map_err(|error| format!("{}: {error}", file.display()));
        self.not_kept = kept.as_ref().err().cloned();
        kept
    }

    /// Tries once more, if the last time was in vain and not just now.
    fn keep_again(&mut self) {
        let is_due = self.tried.is_none_or(|tried| tried.elapsed() >= AGAIN);
        if self.not_kept.is_some() && is_due && self.keep().is_ok() {
            tracing::info!("what is switched is kept over a restart again");
        }
    }

    /// Where no file was wanted there is nothing to tell.
    fn tell_if_not(&self, kept: Result<(), String>) {
        if let Err(error) = kept
            && self.file.is_some()
        {
            tracing::warn!("what is switched is not kept over a restart: {error}");
        }
    }

    fn put_in_force(&self, live: &Live) {
        let orders = orders(&self.in_force, &live.edge);
        for (alive, order) in live.origins.iter().zip(&orders.origins) {
            let marks = [
                (Mark::Drained, Order::Drain),
                (Mark::Down, Order::Down),
                (Mark::Only, Order::Only),
            ];
            for (mark, of) in marks {
                alive.vitals.set(mark, *order == of);
            }
        }
        for (record, ordered) in live.records.iter().zip(&orders.records) {
            record.order(*ordered);
        }
        for (distribution, closed) in live.edge.distributions.iter().zip(&live.closed) {
            let is_closed = self.in_force.iter().any(|switch| {
                switch.to == To::Distribution(true) && switch.name == distribution.id
            });
            closed.store(is_closed, std::sync::atomic::Ordering::Release);
        }
    }
}

fn orders(in_force: &[Switch], edge: &Edge) -> Orders {
    let of = |kind, name: &Arc<str>| {
        let mut switches = in_force.iter();
        switches
            .find(|switch| switch.is_of(kind, name))
            .map(|switch| switch.to)
    };
    let origins = edge
        .origins
        .iter()
        .map(|origin| match of(Kind::Origin, &origin.id) {
            Some(To::Origin(order)) => order,
            Some(To::Record(_) | To::Distribution(_)) | None => Order::Ready,
        });
    let records = edge
        .records
        .iter()
        .map(|record| match of(Kind::Record, &record.id) {
            Some(To::Record(side)) => side,
            Some(To::Origin(_) | To::Distribution(_)) | None => None,
        });
    Orders {
        origins: origins.collect(),
        records: records.collect(),
    }
}
