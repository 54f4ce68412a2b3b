//! `linux-api setup`: installs the daemon on this host, and removes it.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};

use super::{Context, FAILED, output};
use linux_api_setup::answers::{Answers, Existing};
use linux_api_setup::apply::{self, SetupOutcome, Witness};
use linux_api_setup::facts::{self, Candidate, Facts};
use linux_api_setup::plan::{self, CONFIG, Content, ONLY_ROOT, Plan, Step};
use linux_api_setup::prompt::Wish;
use linux_api_setup::tree::Tree;
use linux_api_setup::{prompt, removal};

/// Install the daemon on this host, or remove it
///
/// Prompts for what it needs, shows its plan, and applies it after your confirmation. It can be
/// interrupted and run again at any time: completed steps are detected and kept. `--yes` accepts every default,
/// or the answers of `--answers`, without questions.
#[derive(Debug, clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of the command line"
)]
pub(super) struct Options {
    /// Read the answers from this TOML file, or a pipe such as `<(command)`, instead of prompting
    #[arg(long, value_name = "FILE", conflicts_with = "uninstall")]
    answers: Option<PathBuf>,
    /// Let operators read the journal of this host through the daemon. An existing configuration is kept
    #[arg(long, conflicts_with = "uninstall")]
    logs: bool,
    /// Show what would be done and every file that would be written; change nothing
    #[arg(long)]
    dry_run: bool,
    /// Work on the system in this directory, which is not running
    #[arg(
        long,
        value_name = "DIR",
        default_value = "/",
        hide_default_value = true
    )]
    root: PathBuf,
    /// Install this program in place of the one that is running
    #[arg(long, value_name = "FILE", conflicts_with = "uninstall")]
    program: Option<PathBuf>,
    /// Stop the daemon and remove what setup installed; configuration and data stay
    #[arg(long)]
    uninstall: bool,
    /// Also remove configuration, keys, measurements and backups
    #[arg(long, requires = "uninstall")]
    purge: bool,
}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let tree = Tree::open(&self.root).context("--root")?;
        if self.uninstall {
            self.remove(ctx, &tree).await?;
            return Ok(ExitCode::SUCCESS);
        }
        self.install(ctx, &tree).await
    }

    async fn install(&self, ctx: &Context, tree: &Tree) -> anyhow::Result<ExitCode> {
        let program = Candidate {
            path: match &self.program {
                Some(path) => path.clone(),
                None => std::env::current_exe().context("find this program")?,
            },
            is_named: self.program.is_some(),
        };
        let unattended = ctx.options.yes || self.answers.is_some();
        let mut answers = match &self.answers {
            Some(path) => {
                let path = path.clone();
                // It waits while a pipe is written.
                let loaded = tokio::task::spawn_blocking(move || Answers::load(&path));
                loaded.await.context("read the answers")??
            }
            None if self.logs && tree.look(Path::new(CONFIG))?.is_some() => Answers {
                configuration: Existing::Keep,
                ..Answers::default()
            },
            None if unattended || self.dry_run => Answers::default(),
            None => match self.ask(tree, &program).await? {
                Wish::Install(answers) => *answers,
                Wish::Remove => return self.remove(ctx, tree).await.map(|()| ExitCode::SUCCESS),
            },
        };
        answers.acts.logs |= self.logs;
        let facts = facts::gather(tree, &program, &answers).await?;
        let plan = plan::plan(&answers, &facts);
        if self.dry_run {
            show_whole(&plan)?;
            // As the real run would end.
            return Ok(ExitCode::from(if plan.obstacles.is_empty() {
                0
            } else {
                FAILED
            }));
        }
        refuse_obstacles(&plan, &facts)?;
        if !unattended {
            output::text(&summary(&plan))?;
            if !prompt::confirm("Do all this?")? {
                output::text("Nothing was changed.")?;
                return Ok(ExitCode::SUCCESS);
            }
        }
        let finished = apply::apply(&plan, tree, &mut Progress).await?;
        report(&plan, finished, tree)?;
        Ok(ExitCode::SUCCESS)
    }

    async fn ask(&self, tree: &Tree, program: &Candidate) -> anyhow::Result<Wish> {
        if tree.is_live() && !rustix::process::geteuid().is_root() {
            bail!("nothing was changed: {ONLY_ROOT}");
        }
        if !std::io::stdin().is_terminal() {
            bail!(
                "there is no terminal for prompts: use --yes for every default, or --answers FILE; \
                 --dry-run shows what would be done"
            );
        }
        let answers = Answers::default();
        let facts = facts::gather(tree, program, &answers).await?;
        // No answer changes these, so there is no prompt before them.
        let known = plan::unanswerable(&answers, &facts);
        if !known.is_empty() {
            bail!("nothing was changed, because\n- {}", known.join("\n- "));
        }
        prompt::wish(&facts)
    }

    async fn remove(&self, ctx: &Context, tree: &Tree) -> anyhow::Result<()> {
        let steps = removal::plan(tree.is_live(), self.purge);
        let titles: Vec<String> = steps.iter().map(removal::Removal::title).collect();
        if self.dry_run {
            return output::text(&numbered(&titles));
        }
        if !ctx.options.yes {
            output::text(&numbered(&titles))?;
        }
        if !super::confirm::confirm(ctx, "Remove all this?")? {
            return output::text("Nothing was changed.");
        }
        let hints = removal::apply(&steps, tree, &mut Progress).await?;
        for hint in hints {
            output::text(&format!("\n{hint}"))?;
        }
        Ok(())
    }
}

/// Reports all obstacles at once, so that they can be fixed at once.
fn refuse_obstacles(plan: &Plan, facts: &Facts) -> anyhow::Result<()> {
    if plan.obstacles.is_empty() {
        return Ok(());
    }
    // Without root privileges most other checks are unreliable.
    let shown = if facts.is_live && !facts.is_root {
        &plan.obstacles[..1]
    } else {
        &plan.obstacles[..]
    };
    bail!("nothing was changed, because\n- {}", shown.join("\n- "))
}

fn numbered(titles: &[String]) -> String {
    let lines = titles.iter().enumerate();
    let lines = lines.map(|(index, title)| format!("{:3}. {title}", index + 1));
    lines.collect::<Vec<_>>().join("\n")
}

fn summary(plan: &Plan) -> String {
    let titles: Vec<String> = plan.steps.iter().map(Step::title).collect();
    let steps = format!("This is what will be done:\n\n{}\n", numbered(&titles));
    plan.notes
        .iter()
        .fold(steps, |text, note| format!("{text}\nnote: {note}\n"))
}

/// The plan with every file, for those who want to know or to do it by hand.
fn show_whole(plan: &Plan) -> anyhow::Result<()> {
    output::text(&summary(plan))?;
    for step in &plan.steps {
        let Step::File(file) = step else { continue };
        let text = match &file.content {
            Content::Text(text) => text.as_str(),
            Content::Secret(_) => "(not shown)",
        };
        let title = step.title();
        let title = title.strip_prefix("write ").unwrap_or(&title);
        output::text(&format!("--- {title}\n{}\n", text.trim_end()))?;
    }
    if !plan.obstacles.is_empty() {
        output::text(&format!("Obstacles:\n- {}", plan.obstacles.join("\n- ")))?;
    }
    Ok(())
}

/// A line for each step, when it is done.
struct Progress;

impl Witness for Progress {
    fn begins(&mut self, number: usize, total: usize, title: &str) {
        // A reader that went away must not stop an installation half-way.
        let _ = output::text(&format!("[{number:2}/{total}] {title}"));
    }

    fn ended(&mut self, outcome: &str) {
        let _ = output::text(&format!("        {outcome}"));
    }
}

fn report(plan: &Plan, finished: SetupOutcome, tree: &Tree) -> anyhow::Result<()> {
    for hint in plan.notes.iter().chain(&finished.hints) {
        output::text(&format!("\nnote: {hint}"))?;
    }
    if !tree.is_live() {
        return output::text(
            "\nEverything is in place. The daemon starts with that system; its first start \
             writes the first admin's key to /var/lib/linux-api/first-admin-key.",
        );
    }
    output::text(&format!("\nlinux-api is running at {}", plan.address))?;
    match finished.key {
        Some(key) => {
            output::text(&format!(
                "\nThe key of the first admin, shown only once:\n\n{}",
                key.expose()
            ))?;
            apply::forget_key(tree)?;
        }
        None => output::text(
            "\nThe first admin has a key already. Another one: sudo linux-api user key create admin",
        )?,
    }
    output::text(
        "\nWhat next?\n\n  \
         sudo linux-api status             is it up and ready?\n  \
         sudo linux-api tui                monitor this host\n  \
         sudo linux-api user add NAME      a user with a key of its own\n  \
         sudo usermod -aG linux-api NAME   let a Linux account read over the Unix socket\n  \
         journalctl -u linux-api           the log of the daemon",
    )
}
