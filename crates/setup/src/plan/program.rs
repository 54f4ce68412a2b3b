//! Which program runs: that of a package, or one that setup puts in place.

use super::{PACKAGED_PROGRAM, Planner, Step};

impl Planner<'_> {
    pub(super) fn add_program(&mut self) {
        let facts = self.facts;
        if facts.packaged_units.is_none() {
            if let Some(why) = &facts.program_refused {
                self.obstacle(why);
            }
            self.steps.push(Step::Program {
                from: facts.program.clone(),
            });
            return;
        }
        let upgrade = format!(
            "a package brought {PACKAGED_PROGRAM}, which is what the service runs. For another \
             release install its package (apt-get install ./FILE.deb, dnf install ./FILE.rpm)"
        );
        if facts.program_is_packaged {
            // It is what runs in either case.
        } else if facts.program_is_named {
            self.obstacle(format!(
                "--program {} would not be used: {upgrade}, or remove the package first",
                facts.program.display()
            ));
        } else if facts.left_behind.is_empty() {
            self.notes.push(format!(
                "{} is not installed: {upgrade}",
                facts.program.display()
            ));
        }
        let left = facts.left_behind.iter().cloned();
        self.steps.extend(left.map(Step::Remove));
    }
}
