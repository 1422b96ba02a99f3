//! What a file sink has to say to people: a few things at a time, and trouble once until it is over.

use std::collections::BTreeSet;

use crate::limits;

/// Words that wait to be said.
#[derive(Debug, Default)]
pub(super) struct Told {
    texts: Vec<String>,
    more: usize,
    troubles: BTreeSet<&'static str>,
}

impl Told {
    /// Something to say.
    pub(super) fn say(&mut self, text: String) {
        if self.texts.len() < limits::FILES_TOLD {
            self.texts.push(text);
        } else {
            self.more += 1;
        }
    }

    /// This work has failed. Said once, until it is over.
    pub(super) fn trouble(&mut self, work: &'static str, text: String) {
        if self.troubles.insert(work) {
            self.say(text);
        }
    }

    /// This work has been done again.
    pub(super) fn over(&mut self, work: &'static str) {
        self.troubles.remove(work);
    }

    /// All that there is to say.
    pub(super) fn take(&mut self) -> Vec<String> {
        let mut texts = std::mem::take(&mut self.texts);
        match std::mem::take(&mut self.more) {
            0 => {}
            more => texts.push(format!("and {more} more like that")),
        }
        texts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_told_once_until_it_is_over() {
        let mut told = Told::default();
        let fail = |told: &mut Told| told.trouble("rotate", "can't".to_owned());
        fail(&mut told);
        fail(&mut told);
        assert_eq!(told.take(), ["can't"]);
        fail(&mut told);
        assert_eq!(told.take(), [""; 0]);
        told.over("rotate");
        fail(&mut told);
        assert_eq!(told.take(), ["can't"]);
    }

    #[test]
    fn what_is_too_much_is_counted() {
        let mut told = Told::default();
        for _ in 0..limits::FILES_TOLD + 2 {
            told.say("gone".to_owned());
        }
        let texts = told.take();
        assert_eq!(
            (texts.len(), texts.last().map(String::as_str)),
            (limits::FILES_TOLD + 1, Some("and 2 more like that"))
        );
        assert_eq!(told.take(), [""; 0]);
    }
}
