//! Probe results -> healthy or not.

use tideover_config::HealthCheck;

/// What an origin counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Health {
    /// It may be asked.
    Healthy,
    /// It should not be asked as long as somebody else can.
    Unhealthy,
}

impl Health {
    /// `healthy`, `unhealthy`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
        }
    }

    fn opposite(self) -> Self {
        match self {
            Self::Healthy => Self::Unhealthy,
            Self::Unhealthy => Self::Healthy,
        }
    }
}

/// What one checker has found out. Source: Developer Guide of Route 53, "How Amazon Route 53 determines whether a health
/// check is healthy", and API shape `HealthCheckConfig` (`FailureThreshold`, `Inverted`, `Disabled`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Before inversion.
    found: Health,
    /// Probes in a row that said the opposite.
    against: u8,
    /// Probes in a row that said the same.
    agreeing: u8,
    /// Enough probes in a row have said so, now or before.
    is_certain: bool,
}

impl Default for Finding {
    /// Healthy, until there is enough to say otherwise.
    fn default() -> Self {
        Self {
            found: Health::Healthy,
            against: 0,
            agreeing: 0,
            is_certain: false,
        }
    }
}

impl Finding {
    /// One more probe of `check` has passed or failed. What the origin counts as from now on, if that is something else
    /// than before.
    pub fn record(&mut self, passed: bool, check: &HealthCheck) -> Option<Health> {
        let (says, threshold) = if passed {
            (Health::Healthy, check.recovery_threshold)
        } else {
            (Health::Unhealthy, check.failure_threshold)
        };
        if says == self.found {
            self.against = 0;
            self.agreeing = self.agreeing.saturating_add(1);
            self.is_certain |= self.agreeing >= threshold;
            return None;
        }
        self.agreeing = 0;
        self.against = self.against.saturating_add(1);
        if self.against < threshold {
            return None;
        }
        let before = self.counts_as(check);
        *self = Self {
            found: says,
            against: 0,
            agreeing: 0,
            is_certain: true,
        };
        let now = self.counts_as(check);
        (now != before).then_some(now)
    }

    /// What the origin counts as. Disabled it is healthy whatever was found; inverted it is the opposite, also of that.
    pub fn counts_as(&self, check: &HealthCheck) -> Health {
        let found = if check.disabled {
            Health::Healthy
        } else {
            self.found
        };
        if check.inverted {
            found.opposite()
        } else {
            found
        }
    }

    /// Whether that was found out, by as many probes in a row as it takes. A checker that has just begun takes an origin for
    /// healthy until it knows better.
    pub fn is_certain(&self, check: &HealthCheck) -> bool {
        check.disabled || self.is_certain
    }

    /// Probes in a row that spoke against what was found.
    pub fn against(&self) -> u8 {
        self.against
    }
}
