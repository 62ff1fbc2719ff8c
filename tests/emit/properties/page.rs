//! bash understands the commands of RECOVERY.md as they are meant, and no text adds a command.

use anyhow::{Context, Result, bail};

use super::Reader;
use super::bash::Commands;
use super::field::{Case, Field, Host};
use super::property::{all_come_back, same};

#[test]
fn bash_gives_back_every_word_of_the_page_for_the_worst_day() -> Result<()> {
    all_come_back(Reader::Page, |_| true, &|cases| {
        let mut typed = Commands::default();
        for case in cases {
            add_case(&mut typed, case)?;
        }
        same(&typed.run()?, &typed.words)
    })
}

fn add_case(typed: &mut Commands, case: &Case) -> Result<()> {
    let files = case.files(Host::Storage)?;
    let page = Page(commands(files.get("/etc/genbackup/RECOVERY.md")?));
    let text = case.text.as_str();
    // With any texts, the page has the same number of blocks and commands.
    let file_system = usize::from(case.field == Field::FileSystem || page.find("findmnt ").is_ok());
    typed.add(&format!("show {}", page.0.len() - file_system), &["50"]);
    match case.field {
        Field::RepositoryPath => {
            typed.add(page.find("chown ")?, &["--recursive", "850:850", text]);
            typed.add(page.find("ls ")?, &["--directory", &format!("{text}/config")]);
            let source = format!("10.0.0.1:{text}");
            typed.add(
                page.find("mount ")?,
                &["--types", "nfs4", &source, "/run/genbackup-recovery"],
            );
        }
        Field::FileSystem => typed.add(page.find("findmnt ")?, &["--mountpoint", text]),
        Field::PasswordFile => {
            let expected = [
                "--repo",
                "/srv/restic",
                "--password-file",
                text,
                "--no-lock",
                "--no-cache",
                "snapshots",
            ];
            typed.add(
                page.find("restic ")?,
                &[&expected[..], &["--host", "ziz", "--tag", "genbackup"]].concat(),
            );
        }
        Field::KeyFile => {
            let expected = ["-q", "-t", "ed25519", "-N", "", "-C", "genbackup@jak", "-f", text];
            let made = page.find_with("test -e ", "-C genbackup@")?;
            // So that the files of this machine do not matter.
            typed.add(&format!("(test() {{ return 1; }}; {made})"), &expected);
            replaced(typed, page.find("sed ")?, case, text)?;
        }
        Field::PublicKey => replaced(typed, page.find("sed ")?, case, "/etc/genbackup/ssh_ed25519")?,
        Field::HostKey => {
            let (_, command) = page
                .find("IFS= read ")?
                .split_once(" && ")
                .context("nothing is replaced")?;
            typed.add("key=new", &[]);
            let old = words(text, 2);
            typed.add(
                command,
                &[
                    "--in-place",
                    &format!("s|{old}|new|"),
                    "/etc/genbackup/fleet.toml",
                    "--fixed-strings",
                    "new",
                    "/etc/genbackup/fleet.toml",
                ],
            );
        }
        Field::HostKeyFile => {
            let shown = page.find("ssh-keygen -y ")?;
            let cut = "cut() { local word; while IFS= read -rd '' word; do show \"$word\"; done; }";
            typed.add(&format!("({cut}; {shown})"), &["-y", "-f", text]);
        }
        Field::StorageName => own_files(typed, &page, text)?,
        Field::ClientAddress => {
            let forgotten = page.find_with("test ! -e ", "ssh-keygen -R ")?;
            let name = known_hosts_name(text);
            // So that the files of this machine do not matter.
            typed.add(&format!("(test() {{ return 1; }}; {forgotten})"), &["-R", &name]);
            let tried = page.find("ssh ")?;
            let destination = format!("root@{text}");
            typed.add(
                &format!("(ssh() {{ show \"$@\"; }}; {tried})"),
                &[&destination, "true"],
            );
        }
        Field::ClientName => typed.add(page.find("genbackup snapshots ")?, &["snapshots", "--host", text]),
        field => bail!("{field:?} is in no command"),
    }
    Ok(())
}

/// What the storage host restores of a client, and of itself.
fn own_files(typed: &mut Commands, page: &Page, name: &str) -> Result<()> {
    typed.add(
        page.find("genbackup restore ")?,
        &[
            "restore",
            "ziz",
            "/etc",
            "--to",
            "/root/restored-files",
            "--dry-run",
        ],
    );
    let own = page.find_with(
        "restic ",
        &format!("--host {name} --tag genbackup --target /root/restored"),
    )?;
    let [from, host] = [
        [
            "--repo",
            "/srv/restic",
            "--no-lock",
            "--no-cache",
            "restore",
            "latest",
        ],
        ["--host", name, "--tag", "genbackup", "--target", "/root/restored"],
    ];
    typed.add(own, &[from, host].concat());
    Ok(())
}

/// The name of an address in `known_hosts`, where ssh writes numbers in one form, and names in lower case.
fn known_hosts_name(address: &str) -> String {
    let number = address.parse::<std::net::IpAddr>();
    number.map_or_else(|_| address.to_ascii_lowercase(), |number| number.to_string())
}

/// The public key of the fleet gives way to the one of a file, whose name `ssh-keygen` shows in this place.
fn replaced(typed: &mut Commands, command: &str, case: &Case, file: &str) -> Result<()> {
    let old = Field::PublicKey
        .value(&case.fleet)
        .context("a fleet with clients has a key")?;
    let old = words(&old, 2);
    typed.add(
        &format!(
            "(ssh-keygen() {{ printf %s \"${{@: -1}}\"; }}
             cut() {{ local text; IFS= read -rd '' text; printf %s \"$text\"; }}
             {command})"
        ),
        &[
            "--in-place",
            &format!("s|{old}|{file}|"),
            "/etc/genbackup/fleet.toml",
        ],
    );
    Ok(())
}

fn words(text: &str, count: usize) -> String {
    text.split(' ').take(count).collect::<Vec<_>>().join(" ")
}

/// The commands of a page.
struct Page<'p>(Vec<&'p str>);

impl<'p> Page<'p> {
    /// The first that starts like this.
    fn find(&self, start: &str) -> Result<&'p str> {
        let mut commands = self.0.iter().copied();
        commands
            .find(|command| command.starts_with(start))
            .with_context(|| format!("no command starts with {start}"))
    }

    /// The first that starts like this and has that in it.
    fn find_with(&self, start: &str, part: &str) -> Result<&'p str> {
        let mut commands = self.0.iter().copied();
        commands
            .find(|command| command.starts_with(start) && command.contains(part))
            .with_context(|| format!("no command starts with {start} and has {part}"))
    }
}

/// The lines of the blocks.
fn commands(page: &str) -> Vec<&str> {
    let mut is_block = false;
    let mut commands = Vec::new();
    for line in page.lines() {
        match line {
            "```bash" | "```" => is_block = !is_block,
            command if is_block => commands.push(command),
            _ => {}
        }
    }
    commands
}
