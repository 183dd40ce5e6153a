//! Tables without rules: columns padded to their widest cell, four spaces between.

use unicode_width::UnicodeWidthStr;

const GAP: usize = 4;

/// A table of text. A header ends in one space, a row in the gap, as those who parse such tables
/// know them.
pub(crate) fn render<const N: usize>(header: [&str; N], rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].width());
        cells.chain([header[column].width()]).max().unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let mut text = String::new();
    for (column, name) in header.iter().enumerate() {
        let gap = if column + 1 == N { 1 } else { GAP };
        push_cell(&mut text, name, widths[column] + gap);
    }
    text.push('\n');
    for row in rows {
        for (cell, width) in row.iter().zip(widths) {
            push_cell(&mut text, cell, width + GAP);
        }
        text.push('\n');
    }
    text
}

fn push_cell(text: &mut String, cell: &str, width: usize) {
    text.push_str(cell);
    text.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.width())));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["tiny:latest".to_owned(), "5.8 MB".to_owned()]];
        let table = render(["NAME", "SIZE"], &rows);
        insta::assert_snapshot!(table.replace(' ', "."), @"
        NAME...........SIZE...
        tiny:latest....5.8.MB....
        ");
    }

    #[test]
    fn without_rows_there_is_the_header_alone() {
        assert_eq!(render(["A", "B"], &[]), "A    B \n");
    }
}
