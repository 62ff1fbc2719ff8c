//! Whether everybody can read the page: in the light and in the dark, on a phone, and with a screen reader.

use anyhow::Result;

use super::browser::{Scheme, show};
use super::{eventful, html, records};
use crate::night::HOSTS;

/// WCAG 2.2, success criterion 1.4.3, for text that is not large.
const CONTRAST: f64 = 4.5;

/// The worst contrast of a text and what is behind it, by WCAG's formula, with the text; and how many texts there are.
const WORST_CONTRAST: &str = r"(() => {
    const numbers = color => color.match(/[\d.]+/g).map(Number);
    const light = color => {
        const [r, g, b] = numbers(color).map(part => part / 255)
            .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = element => {
        for (; element; element = element.parentElement) {
            const color = getComputedStyle(element).backgroundColor;
            const [, , , alpha = 1] = numbers(color);
            if (alpha == 1) return color;
            if (alpha != 0) throw new Error('a background that is half there: ' + color);
        }
        throw new Error('the page has no background');
    };
    let worst = [Infinity, ''], count = 0;
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const text = walker.currentNode, element = text.parentElement;
        if (!text.data.trim() || element.closest('title, desc')) continue;
        const style = getComputedStyle(element);
        const [one, other] = [light(element.closest('svg') ? style.fill : style.color), light(behind(element))];
        const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
        count += 1;
        if (contrast < worst[0]) worst = [contrast, text.data.trim()];
    }
    return [...worst, count];
})()";

/// The worst contrast of a line of a drawing with what is behind it. Thin lines behind the figures may be fainter.
const STROKES: &str = r"[...new Set([...document.querySelectorAll('svg :is(path, polyline, circle)')]
    .map(line => getComputedStyle(line).stroke).filter(stroke => stroke != 'none'))].sort()";

#[test]
fn every_text_has_a_contrast_of_four_and_a_half_in_the_light_and_in_the_dark() -> Result<()> {
    show(&eventful()?, |shown| {
        shown.run("document.querySelectorAll('details').forEach(details => { details.open = true })")?;
        let mut papers = Vec::new();
        let mut strokes: Vec<Vec<String>> = Vec::new();
        for (scheme, name) in [(Scheme::Light, "light"), (Scheme::Dark, "dark")] {
            shown.set_scheme(scheme)?;
            let (worst, text, count): (f64, String, usize) = shown.ask(WORST_CONTRAST)?;
            assert!(worst >= CONTRAST, "{name}: {worst} of `{text}`");
            assert!(count > 500, "only {count} texts");
            papers.push(shown.ask::<String>("getComputedStyle(document.body).backgroundColor")?);
            strokes.push(shown.ask(STROKES)?);
            shown.keep_picture(name)?;
        }
        assert_eq!(papers, ["rgb(255, 255, 255)", "rgb(21, 23, 27)"]);
        let light = ["rgb(11, 87, 196)", "rgb(168, 51, 10)", "rgb(26, 28, 33)"];
        let dark = ["rgb(125, 176, 255)", "rgb(233, 235, 239)", "rgb(255, 169, 122)"];
        assert_eq!(strokes, [light, dark]);
        Ok(())
    })
}

/// What reaches beyond a phone's right edge, with where it ends; a table that scrolls by itself is not looked at.
const BEYOND: &str = r"[...document.body.querySelectorAll('*')].filter(found => !found.closest('.scroll, .skip, thead, svg'))
    .map(found => [found, found.getBoundingClientRect().right]).filter(([, right]) => right > 360)
    .map(([found, right]) => `${found.className || found.localName} at ${right}: ${found.textContent.trim()}`)";

/// How many times have a line break within them.
const BROKEN_TIMES: &str =
    "[...document.querySelectorAll('time')].filter(time => time.getClientRects().length > 1).length";

#[test]
fn a_phone_shows_it_without_scrolling_sideways() -> Result<()> {
    let long = format!("{}.internal.example.com", "x".repeat(40));
    let names = ["db-01.example.com", "backup-01.internal.example.com", &long];
    let page = HOSTS.iter().zip(names).fold(eventful()?, |page, (host, name)| {
        page.replace(&format!(">{host}<"), &format!(">{name}<"))
    });
    show(&page, |shown| {
        for (scheme, name) in [(Scheme::Light, "phone"), (Scheme::Dark, "phone-dark")] {
            shown.set_scheme(scheme)?;
            // A picture of the whole page leaves the window wider.
            shown.set_width(360)?;
            for open in [true, false] {
                shown.run(&format!(
                    "document.querySelectorAll('details').forEach(details => {{ details.open = {open} }})"
                ))?;
                let (page, window): (u32, u32) =
                    shown.ask("[document.documentElement.scrollWidth, window.innerWidth]")?;
                assert_eq!((page, window), (360, 360), "{name}, open: {open}");
                let beyond: Vec<String> = shown.ask(BEYOND)?;
                assert_eq!(beyond, [""; 0], "{name}, open: {open}");
                assert_eq!(shown.ask::<usize>(BROKEN_TIMES)?, 0, "{name}, open: {open}");
            }
            let states: Vec<f64> = shown.ask(
                "[...document.querySelectorAll('.state')].map(state => state.getBoundingClientRect().right)",
            )?;
            assert!(
                states.len() > 10 && states.iter().all(|right| (0.0..=360.0).contains(right)),
                "{states:?}"
            );
            shown.keep_picture(name)?;
        }
        shown.set_width(360)?;
        let smallest: f64 = shown
            .ask(
                "Math.min(...[...document.querySelectorAll('svg text')].map(text => parseFloat(getComputedStyle(text).fontSize) \
                 * text.getScreenCTM().a))",
            )?;
        assert!(smallest >= 9.0, "letters of {smallest} pixels");
        Ok(())
    })
}

#[test]
fn a_screen_reader_finds_its_way() -> Result<()> {
    show(&eventful()?, |shown| {
        let nodes = shown.accessible_nodes()?;
        let of = |role: &str| -> Vec<&str> {
            let named = nodes.iter().filter(|(found, _)| found == role);
            named.map(|(_, name)| name.as_str()).collect()
        };
        for landmark in ["banner", "navigation", "main", "contentinfo"] {
            assert_eq!(of(landmark).len(), 1, "{landmark}");
        }
        let levels: Vec<u32> = shown
            .ask("[...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].map(heading => Number(heading.localName[1]))")?;
        assert_eq!(levels.iter().filter(|level| **level == 1).count(), 1);
        assert_eq!(levels.first(), Some(&1));
        let steps = levels.iter().zip(levels.iter().skip(1));
        assert!(steps.clone().all(|(one, next)| *next <= one + 1), "{levels:?}");
        assert_eq!(of("heading").len(), levels.len());

        let images = of("image");
        let charts: usize = shown.ask("document.querySelectorAll('figure > svg').length")?;
        assert!(charts >= 11, "{charts} charts");
        assert_eq!(images.len(), charts);
        assert!(images.contains(&"ziz: duration, in minutes"), "{images:?}");
        assert!(images.iter().all(|name| name.contains(": ")), "{images:?}");
        let lonely: usize = shown
            .ask("[...document.querySelectorAll('figure > svg')].filter(svg => !svg.closest('section').querySelector('details table tbody tr')).length")?;
        assert_eq!(lonely, 0, "charts without a table");
        let described: bool = shown
            .ask("[...document.querySelectorAll('figure > svg')].every(svg => svg.querySelector('title').textContent && svg.querySelector('desc').textContent)")?;
        assert!(described);

        for width in [1280, 360] {
            shown.set_width(width)?;
            let nodes = shown.accessible_nodes()?;
            let headers: Vec<&str> = nodes
                .iter()
                .filter(|(role, _)| role == "rowheader")
                .map(|(_, name)| name.as_str())
                .collect();
            assert!(
                HOSTS.iter().all(|host| headers.contains(host)),
                "{width}: {headers:?}"
            );
            let columns = nodes
                .iter()
                .filter(|(role, name)| role == "columnheader" && name == "State");
            assert_eq!(columns.count(), 2, "{width}");
        }

        let unnamed: Vec<String> = shown
            .ask("[...document.querySelectorAll('th')].filter(cell => !cell.scope || !cell.textContent.trim()).map(cell => cell.outerHTML)")?;
        assert_eq!(unnamed, [""; 0]);
        let ids: Vec<String> = shown.ask("[...document.querySelectorAll('[id]')].map(found => found.id)")?;
        let different: std::collections::BTreeSet<&String> = ids.iter().collect();
        assert_eq!(different.len(), ids.len(), "an id twice");
        let dangling: Vec<String> = shown
            .ask("[...document.querySelectorAll('a[href^=\"#\"], [aria-labelledby]')].flatMap(found => found.href ? [found.hash.slice(1)] : found.getAttribute('aria-labelledby').split(' ')).filter(id => !document.getElementById(id))")?;
        assert_eq!(dangling, [""; 0]);
        Ok(())
    })
}

#[test]
fn a_state_is_a_word_and_no_mere_colour() -> Result<()> {
    let empty = html(records(&[])?.path(), "2026-11-23T12:00:00Z")?;
    for page in [eventful()?, empty] {
        show(&page, |shown| {
            let states: Vec<String> = shown
                .ask("[...document.querySelectorAll('.state')].map(state => state.innerText.replace(/^\\S+ (?=[A-Z])/, ''))")?;
            let words = [
                "OK",
                "WARNING",
                "ALERT",
                "NEVER",
                "ok",
                "partial",
                "unreachable",
                "failed",
            ];
            assert!(!states.is_empty());
            assert!(
                states.iter().all(|state| words.contains(&state.as_str())),
                "{states:?}"
            );
            Ok(())
        })?;
    }
    Ok(())
}
