//! ISO dates and moments, as properties and filters use them.

use chrono::{
    DateTime, Datelike, Days, Duration, Months, NaiveDate, NaiveDateTime, NaiveTime, Utc,
};

/// A day, or a point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    Day(NaiveDate),
    Point(DateTime<Utc>),
}

impl Moment {
    /// A date, a date and time with offset, or a date and time without one (taken as UTC).
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() > 64 {
            return None;
        }
        if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
            return (text.len() == 10).then_some(Self::Day(day));
        }
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            return Some(Self::Point(time.with_timezone(&Utc)));
        }
        ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"]
            .iter()
            .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
            .map(|time| Self::Point(time.and_utc()))
    }

    /// The form in which the service gives it back: a date stays, a time gets milliseconds and an
    /// offset in digits.
    pub(crate) fn normalised(self, text: &str) -> String {
        match self {
            Self::Day(day) => day.format("%Y-%m-%d").to_string(),
            Self::Point(_) => DateTime::parse_from_rfc3339(text).map_or_else(
                |_| text.to_owned(),
                |time| time.format("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string(),
            ),
        }
    }

    /// Its first moment.
    pub(crate) fn start(self) -> DateTime<Utc> {
        match self {
            Self::Day(day) => day.and_time(NaiveTime::MIN).and_utc(),
            Self::Point(time) => time,
        }
    }

    /// The moment after its last one.
    pub(crate) fn end(self) -> DateTime<Utc> {
        match self {
            Self::Day(_) => self
                .start()
                .checked_add_days(Days::new(1))
                .unwrap_or(DateTime::<Utc>::MAX_UTC),
            Self::Point(time) => time
                .checked_add_signed(Duration::milliseconds(1))
                .unwrap_or(DateTime::<Utc>::MAX_UTC),
        }
    }
}

/// A day by one of the words that filters know.
pub(crate) fn relative_day(word: &str, now: DateTime<Utc>) -> Option<NaiveDate> {
    let today = now.date_naive();
    match word {
        "today" => Some(today),
        "tomorrow" => today.checked_add_days(Days::new(1)),
        "yesterday" => today.checked_sub_days(Days::new(1)),
        "one_week_ago" => today.checked_sub_days(Days::new(7)),
        "one_week_from_now" => today.checked_add_days(Days::new(7)),
        "one_month_ago" => today.checked_sub_months(Months::new(1)),
        "one_month_from_now" => today.checked_add_months(Months::new(1)),
        _ => None,
    }
}

/// The days from and to (inclusive) that a word like `past_week` means.
pub(crate) fn span_of(word: &str, now: DateTime<Utc>) -> Option<(NaiveDate, NaiveDate)> {
    let today = now.date_naive();
    match word {
        "this_week" => {
            let first = today
                .checked_sub_days(Days::new(u64::from(today.weekday().num_days_from_sunday())))?;
            Some((first, first.checked_add_days(Days::new(6))?))
        }
        "past_week" => Some((today.checked_sub_days(Days::new(7))?, today)),
        "past_month" => Some((today.checked_sub_months(Months::new(1))?, today)),
        "past_year" => Some((today.checked_sub_months(Months::new(12))?, today)),
        "next_week" => Some((today, today.checked_add_days(Days::new(7))?)),
        "next_month" => Some((today, today.checked_add_months(Months::new(1))?)),
        "next_year" => Some((today, today.checked_add_months(Months::new(12))?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_a_moment() {
        for (text, back) in [
            ("2026-09-15", "2026-09-15"),
            ("2026-09-15T09:00:00+02:00", "2026-09-15T09:00:00.000+02:00"),
            ("2026-09-15T09:00:00.000Z", "2026-09-15T09:00:00.000+00:00"),
            ("2026-09-15T09:00:00", "2026-09-15T09:00:00"),
        ] {
            let moment = Moment::parse(text).unwrap();
            assert_eq!(moment.normalised(text), back);
            assert_eq!(Moment::parse(back), Some(moment));
        }
        for text in [
            "",
            "today",
            "2026-13-01",
            "2026-9-1",
            "2026-09-15Tx",
            "15.9.2026",
        ] {
            assert_eq!(Moment::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_day_lasts_a_day() {
        let day = Moment::parse("2026-09-15").unwrap();
        assert_eq!(day.end() - day.start(), Duration::days(1));
        let last = Moment::Day(NaiveDate::MAX);
        assert!(last.end() > last.start());
    }
}
