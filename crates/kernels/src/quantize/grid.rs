//! The nearest point of a codebook.
//!
//! A codebook holds a small part of all points whose coordinates are its values. So a point is
//! looked up in two steps: each coordinate to its nearest value, which names a cell, then the best
//! of the few points of the codebook that lie nearest to the cell's centre.

/// Points tried for a cell.
const N_NEAR: usize = 12;

/// A codebook of points with `DIM` coordinates, made for searching.
pub(super) struct Grid<const DIM: usize> {
    /// `[n_points]`
    pub(super) points: Vec<[f32; DIM]>,
    /// Midway between the coordinates' values, ascending.
    thresholds: Vec<f32>,
    /// The points nearest to each cell's centre, nearest first: `[n_values ^ DIM]`.
    cells: Vec<[u16; N_NEAR]>,
}

impl<const DIM: usize> Grid<DIM> {
    /// Shapes: `values` are the coordinates' values, ascending; `points` are at least [`N_NEAR`].
    pub(super) fn new(values: &[f32], points: Vec<[f32; DIM]>) -> Self {
        let n_cells = values.len().pow(DIM as u32);
        let mut distances = Vec::with_capacity(points.len());
        let cells = (0..n_cells)
            .map(|cell| {
                let centre = centre(cell, values);
                distances.clear();
                distances.extend(
                    points.iter().zip(0u16..).map(|(point, i)| (distance(point, &centre), i)),
                );
                distances.select_nth_unstable_by(N_NEAR - 1, |a, b| a.0.total_cmp(&b.0));
                std::array::from_fn(|i| distances[i].1)
            })
            .collect();
        let thresholds = values.array_windows().map(|[low, high]| (low + high) / 2.0).collect();
        Self { points, thresholds, cells }
    }

    /// The index of the point of least weighted error.
    #[inline(always)]
    pub(super) fn nearest(&self, x: &[f32; DIM], w: &[f32; DIM]) -> u16 {
        let n_values = self.thresholds.len() + 1;
        let cell = x.iter().rev().fold(0, |cell, x| {
            cell * n_values + self.thresholds.iter().map(|t| usize::from(x > t)).sum::<usize>()
        });
        let mut best = (f32::INFINITY, 0);
        for &i in &self.cells[cell] {
            let point = &self.points[usize::from(i)];
            let mut terms = [0.0; DIM];
            for (j, term) in terms.iter_mut().enumerate() {
                // The error, less the square of `x`.
                *term = w[j] * point[j] * (point[j] - 2.0 * x[j]);
            }
            let error = terms.iter().sum();
            if error < best.0 {
                best = (error, i);
            }
        }
        best.1
    }
}

/// The middle of a cell; the first coordinate is its lowest digit.
fn centre<const DIM: usize>(cell: usize, values: &[f32]) -> [f32; DIM] {
    let mut rest = cell;
    std::array::from_fn(|_| {
        let value = values[rest % values.len()];
        rest /= values.len();
        value
    })
}

fn distance<const DIM: usize>(a: &[f32; DIM], b: &[f32; DIM]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}
