//! The commands before and after a backup.

use std::collections::BTreeMap;

use crate::config::defaults;
use crate::config::file::Spanned;

use crate::config::file::{Field, HookTable};
use crate::model::{AbsolutePath, CommandWord, Hook, HookKind, HookName, Hooks, HostName, UnitPath};

use super::fields::{Fields, Section};
use super::paths;

type Tables = Field<BTreeMap<Spanned<HookName>, HookTable>>;

/// The hooks of a host, without those that are problems. `repository` is where the host sees the repository.
pub(super) fn resolve_hooks(
    fields: &mut Fields<'_>,
    host: &Spanned<HostName>,
    (before, after): (Tables, Tables),
    include: &[Spanned<AbsolutePath>],
    repository: Option<&UnitPath>,
) -> Hooks {
    let mut resolve = |kind: HookKind, tables: Tables, is_backed_up: &dyn Fn(&UnitPath) -> bool| {
        let hooks = tables.map(Spanned::into_inner).unwrap_or_default().into_iter();
        let hooks: Vec<Hook> = hooks
            .filter_map(|(name, table)| {
                let section = Section::at(
                    format!("hosts.{}.{}.{}", host.get_ref(), kind.word(), name.get_ref()),
                    name.span(),
                );
                resolve_hook(fields, &section, name, table, repository, is_backed_up)
            })
            .collect();
        hooks
    };
    let is_backed_up = |written: &UnitPath| {
        include.iter().any(|included| {
            included.get_ref().contains(written.as_str()) || written.contains(included.get_ref().as_str())
        })
    };
    let before = resolve(HookKind::Before, before, &is_backed_up);
    let after = resolve(HookKind::After, after, &|_| true);
    Hooks { before, after }
}

fn resolve_hook(
    fields: &mut Fields<'_>,
    section: &Section,
    name: Spanned<HookName>,
    table: HookTable,
    repository: Option<&UnitPath>,
    is_backed_up: &dyn Fn(&UnitPath) -> bool,
) -> Option<Hook> {
    let HookTable {
        user,
        command,
        writes,
        network,
        time_limit,
    } = table;
    let user = fields.required(
        section,
        "user",
        user,
        "`user = \"…\"`, the user that runs the command",
    );
    let is_roots = user.as_ref().is_some_and(|user| user.get_ref().is_root());
    let command = fields.required(section, "command", command, "`command = [\"/usr/bin/…\", \"…\"]`");
    let writes = writes.map(|writes| (writes.span(), fields.items(writes.into_inner())));
    if let Some((span, paths)) = &writes {
        for path in paths {
            paths::check_hook_writes(fields, path, repository);
            if is_roots {
                paths::check_roots_writes(fields, path);
            }
        }
        if !paths.is_empty() && !paths.iter().any(|path| is_backed_up(path.get_ref())) {
            fields.problem(
                span.clone(),
                "nothing that this hook writes is backed up",
                "add one of these paths to `include`, or let the command write below an included path",
            );
        }
    }
    let command = command?;
    let place = command.span();
    let mut words = fields.items(command.into_inner()).into_iter();
    let Some(program) = words.next() else {
        if !fields.has_taken_out_below(section, "command") {
            fields.problem(
                place,
                "the command is empty",
                "write `command = [\"/usr/bin/…\", \"…\"]`",
            );
        }
        return None;
    };
    let path = check_program(fields, &program)?;
    Some(Hook {
        name: name.into_inner(),
        user: user?.into_inner(),
        program: path,
        arguments: words.map(Spanned::into_inner).collect(),
        writes: writes
            .map(|(_, paths)| paths.into_iter().map(Spanned::into_inner).collect())
            .unwrap_or_default(),
        network: network.map_or(defaults::HOOK_NETWORK, Spanned::into_inner),
        time_limit: time_limit.map_or(defaults::HOOK_TIME_LIMIT.value, Spanned::into_inner),
    })
}

/// The program of a command, whose path systemd takes only without quotes and backslashes.
fn check_program(fields: &mut Fields<'_>, program: &Spanned<CommandWord>) -> Option<AbsolutePath> {
    let text = program.get_ref().as_str();
    let Ok(path) = AbsolutePath::try_from(text.to_owned()) else {
        fields.problem(
            program.span(),
            format!("`{text}` is not the full path of a program"),
            "write the full path of the program, and each argument as a separate string: [\"/usr/bin/pg_dumpall\", \
             \"--file=/var/backups/all.sql\"]; no shell runs the command",
        );
        return None;
    };
    if text.contains(['"', '\'', '\\']) {
        fields.problem(
            program.span(),
            format!("systemd accepts no quote or backslash in the path of a program: `{text}`"),
            "rename it, or create a symbolic link to it and write the path of the link",
        );
        return None;
    }
    Some(path)
}
