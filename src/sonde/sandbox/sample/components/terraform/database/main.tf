variable "stage" {
  type = string
}

variable "engine" {
  type = string
}

variable "storage_gb" {
  type = number

  validation {
    condition     = var.storage_gb >= 10
    error_message = "A database needs at least 10 GB."
  }
}

resource "terraform_data" "storage" {
  input = { name = "${var.stage}-data", size_gb = var.storage_gb }
}

# A new engine means a new database.
resource "terraform_data" "database" {
  input            = { name = "${var.stage}-db", engine = var.engine, storage = terraform_data.storage.output.name }
  triggers_replace = [var.engine]
}

output "endpoint" {
  value = "${terraform_data.database.output.name}.internal:5432"
}
