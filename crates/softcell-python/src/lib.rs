//! The library of Softcell for Python: what `softcell._softcell` holds. How it is called by people is in the Python
//! files of this package; here is what they call.

mod answers;
mod keywords;
mod outputs;
mod remedies;
mod torch;
mod watch;
mod work;

use pyo3::prelude::*;

pub use remedies::Error;

#[pymodule]
fn _softcell(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("Error", module.py().get_type::<Error>())?;
    module.add_class::<answers::Predictor>()?;
    module.add_function(wrap_pyfunction!(keywords::keywords, module)?)?;
    module.add_function(wrap_pyfunction!(work::begin, module)?)?;
    module.add_function(wrap_pyfunction!(work::go_on, module)?)?;
    module.add_function(wrap_pyfunction!(work::train_run, module)?)?;
    module.add_function(wrap_pyfunction!(outputs::evaluate, module)?)?;
    module.add_function(wrap_pyfunction!(outputs::export, module)?)?;
    module.add_function(wrap_pyfunction!(outputs::report, module)?)?;
    module.add_function(wrap_pyfunction!(outputs::cells, module)?)?;
    module.add_function(wrap_pyfunction!(outputs::interval, module)?)?;
    module.add_function(wrap_pyfunction!(torch::torch_of_run, module)?)?;
    module.add_function(wrap_pyfunction!(torch::torch_of_genotype, module)?)?;
    Ok(())
}
