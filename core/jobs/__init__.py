"""What a job is: its published contract, its states, its retries."""
