//! Which of several values each lookup of a step gives, on each of the ways that the step is run on.

/// The most ways that one step is run on.
const MOST_WAYS: usize = 8;

/// What the lookups of a step give on the present way.
#[derive(Debug, Default)]
pub(super) struct Choices {
    /// For each lookup, in the order in which they are made: which value it gives, and of how many.
    given: Vec<(usize, usize)>,
    /// How many lookups the present way has made.
    made: usize,
}

impl Choices {
    /// Which of so many values the next lookup gives; `None` where that would be too many ways.
    pub(super) fn choose(&mut self, count: usize) -> Option<usize> {
        if self.made == self.given.len() {
            let ways: usize = self.given.iter().map(|(_, count)| count).product();
            if ways * count > MOST_WAYS {
                return None;
            }
            self.given.push((0, count));
        }
        let (chosen, of) = self.given[self.made];
        self.made += 1;
        (of == count).then_some(chosen)
    }

    /// Goes on to the next way, if there is one.
    pub(super) fn next_way(&mut self) -> bool {
        self.made = 0;
        while let Some((chosen, count)) = self.given.pop() {
            if chosen + 1 < count {
                self.given.push((chosen + 1, count));
                return true;
            }
        }
        false
    }
}
